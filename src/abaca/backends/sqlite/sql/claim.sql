-- Makes jobs RUNNING at the next epoch, leased from now for their own length or else the claimer's.
-- :jobs      JSON array of their n; the caller judged them in the same transaction
-- :worker    who claims
-- :lease_ms  the claimer's lease length
-- :now       the instant of the claim
-- Answers nothing.
UPDATE jobs
SET
    state = 1,
    epoch = epoch + 1,
    revision = revision + 1,
    seq = 0,
    worker = :worker,
    lease_ms = coalesce(own_lease_ms, :lease_ms),
    lease_until = :now + coalesce(own_lease_ms, :lease_ms) * 1000,
    claimed_at = :now,
    started_at = coalesce(started_at, :now),
    key_scope = iif(key_scope = 1, 3, key_scope)
WHERE n IN (SELECT value FROM json_each(:jobs));
