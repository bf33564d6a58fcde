-- Gives a RUNNING job a lease that has ended, so that the next reclaim takes it.
-- :n, :now  the job, the instant of the repair
-- Answers nothing.
UPDATE jobs SET lease_until = :now, lease_ms = coalesce(lease_ms, 0) WHERE n = :n;
