-- Gives a WAITING job all that a new one asks for.
-- :id  16 bytes; the caller judged it in the same transaction
-- :queue, :priority, :lane, :due_at, :task, :args, :key_scope, :options, :own_lease_ms, :limited,
-- :tenant, :deadline_at  as in insert.sql; a job that was claimed before has no deadline
-- Answers nothing.
UPDATE jobs
SET
    revision = revision + 1, queue = :queue, priority = :priority, lane = :lane, due_at = :due_at, task = :task,
    args = :args, key_scope = :key_scope, options = :options, own_lease_ms = :own_lease_ms,
    tenant = :tenant, deadline_at = iif(epoch, NULL, :deadline_at), limited = :limited, blocked = NULL, open_parents = 0, unmet = NULL
WHERE id = :id AND state = 0;
