-- Applies a transition to a job that is RUNNING at the epoch given; a move to WAITING only without a cancel flag.
-- :id         16 bytes
-- :epoch, :target, :attempts, :losses, :delay_ms, :result, :error, :memo, :keep_ms, :digest  as the transition says;
--             delay_ms, result and error (JSON text) may be null
-- :parental   whether it may be one from which edges lead
-- :now        the instant of the settle
-- Answers nothing. An error takes one entry id of the job's log.
UPDATE jobs
SET
    state = :target,
    revision = revision + 1,
    attempts = :attempts,
    losses = :losses,
    memo = :memo,
    due_at = iif(:target = 0 AND :delay_ms IS NOT NULL, :now + :delay_ms * 1000, due_at),
    result = iif(:target = 0, result, :result),
    error = coalesce(:error, error),
    ended_at = iif(:target = 0, ended_at, :now),
    keep_ms = iif(:target = 0, keep_ms, :keep_ms),
    leaves_at = iif(:target = 0, NULL, :now + :keep_ms * 1000),
    settled_epoch = epoch,
    settled_digest = :digest,
    next_entry = next_entry + (:error IS NOT NULL)
WHERE id = :id AND state = 1 AND epoch = :epoch AND NOT (:target = 0 AND cancel) AND parental <= :parental;
