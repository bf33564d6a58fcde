-- Cuts leases that end later than their own length from now, so that a clock which stepped back strands nothing.
-- :now  the instant of the reclaim
-- Answers nothing.
UPDATE jobs
SET lease_until = :now + lease_ms * 1000
WHERE state = 1 AND lease_until > :now + lease_ms * 1000;
