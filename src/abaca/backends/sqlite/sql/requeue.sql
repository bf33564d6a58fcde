-- Puts an ended job back to WAITING, due now, with a fresh attempt budget. Takes two entry ids of its log.
-- :id   16 bytes; the caller judged it in the same transaction
-- :now  the instant of the requeue
-- Answers nothing.
UPDATE jobs
SET
    state = 0, revision = revision + 1, cancel = 0, ended_at = NULL, leaves_at = NULL, attempts = 0, losses = 0,
    memo = NULL, result = NULL, error = NULL, progress = NULL, due_at = :now, deadline_at = iif(
        epoch = 0 AND json_valid(options), :now + (options ->> 'start_within_ms') * 1000, NULL
    ),
    next_entry = next_entry + 2,
    key_scope = iif(key_scope = 3, 1, key_scope)
WHERE id = :id AND state >= 2;
