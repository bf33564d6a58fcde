-- Applies transitions to jobs that are RUNNING at the epoch given; a move to WAITING only without a cancel flag.
-- :settles  JSON array of [id in hexadecimal, epoch, target, attempts, losses, delay_ms or null, result as text or
--           null, result in hexadecimal or null, error as JSON text or null, memo in hexadecimal, keep_ms, digest in
--           hexadecimal]
-- :now      the instant of the settle
-- Answers nothing. An error takes one entry id of the job's log.
UPDATE jobs
SET
    state = said.target,
    revision = jobs.revision + 1,
    attempts = said.attempts,
    losses = said.losses,
    memo = said.memo,
    due_at = iif(said.target = 0 AND said.delay_ms IS NOT NULL, :now + said.delay_ms * 1000, jobs.due_at),
    result = iif(said.target = 0, jobs.result, said.result),
    error = coalesce(said.error, jobs.error),
    ended_at = iif(said.target = 0, jobs.ended_at, :now),
    keep_ms = iif(said.target = 0, jobs.keep_ms, said.keep_ms),
    leaves_at = iif(said.target = 0, NULL, :now + said.keep_ms * 1000),
    settled_epoch = jobs.epoch,
    settled_digest = said.digest,
    next_entry = jobs.next_entry + (said.error IS NOT NULL)
FROM (
    SELECT
        unhex(value ->> 0) AS id, value ->> 1 AS epoch, value ->> 2 AS target, value ->> 3 AS attempts,
        value ->> 4 AS losses, value ->> 5 AS delay_ms, coalesce(value ->> 6, unhex(value ->> 7)) AS result,
        value ->> 8 AS error, unhex(value ->> 9) AS memo, value ->> 10 AS keep_ms, unhex(value ->> 11) AS digest
    FROM json_each(:settles)
) AS said
WHERE jobs.id = said.id AND jobs.state = 1 AND jobs.epoch = said.epoch AND NOT (said.target = 0 AND jobs.cancel);
