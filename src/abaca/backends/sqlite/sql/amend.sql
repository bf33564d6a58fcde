-- Writes the amendable values of a WAITING or ended job.
-- :id                                              16 bytes; the caller judged it in the same transaction
-- :queue, :priority, :due_at, :options, :limited, :args, :result  the new values
-- :dated                                           whether it keeps its deadline
-- Answers nothing.
UPDATE jobs
SET
    revision = revision + 1, queue = :queue, priority = :priority, due_at = :due_at, options = :options, args = :args,
    result = :result, deadline_at = iif(:dated, deadline_at, NULL), limited = :limited, blocked = iif(state = 0 AND open_parents, '', NULL)
WHERE id = :id AND state <> 1;
