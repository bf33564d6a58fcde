-- What can be said of a job whose text columns cannot be decoded.
-- :id  16 bytes
-- Answers (id, state, epoch, revision, attempts, losses, created_at, due_at, started_at, claimed_at, ended_at,
-- lease_until, cancel, purged), or no row.
SELECT
    id, state, epoch, revision, attempts, losses, created_at, due_at, started_at, claimed_at, ended_at, lease_until,
    cancel, purged
FROM jobs
WHERE id = :id;
