-- Ends a WAITING job as cancelled that makes room for another, and takes an entry id of its log.
-- :id, :now, :keep_ms  16 bytes, the instant of the end, how long the ended job stays
-- :error               JSON text
-- Answers nothing.
UPDATE jobs
SET
    state = 4, deadline_at = NULL, revision = revision + 1, ended_at = :now, keep_ms = :keep_ms,
    leaves_at = :now + :keep_ms * 1000, error = :error, next_entry = next_entry + 1
WHERE id = :id AND state = 0;
