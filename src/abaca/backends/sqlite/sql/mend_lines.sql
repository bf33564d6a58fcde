-- Puts a job into the line that its options say.
-- :n
-- Answers nothing.
UPDATE jobs
SET
    tenant = coalesce(options ->> 'tenant', ''),
    deadline_at = iif(state = 0 AND epoch = 0, due_at + (options ->> 'start_within_ms') * 1000, NULL)
WHERE n = :n;
