-- Renews leases from now.
-- :ids       JSON array of ids in hexadecimal; the caller judged them in the same transaction
-- :lease_ms  the holder's lease length, for jobs without their own
-- :now       the instant of the beat
-- Answers nothing.
UPDATE jobs
SET
    lease_ms = coalesce(own_lease_ms, :lease_ms),
    lease_until = :now + coalesce(own_lease_ms, :lease_ms) * 1000
WHERE id IN (SELECT unhex(value) FROM json_each(:ids)) AND state = 1;
