-- Ends a WAITING job as cancelled.
-- :id, :now, :keep_ms  16 bytes, the instant of the end, how long the ended job stays
-- Answers nothing.
UPDATE jobs
SET
    state = 4, blocked = NULL, deadline_at = NULL, revision = revision + 1, ended_at = :now, keep_ms = :keep_ms,
    leaves_at = :now + :keep_ms * 1000
WHERE id = :id AND state = 0;
