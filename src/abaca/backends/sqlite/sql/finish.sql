-- Ends jobs that are RUNNING at the epoch given and differ in nothing but id and result: what most settles are.
-- :runs     one value of 24 bytes for each: the id, then the digest of its transition
-- :results  JSON array of their results as text, or null, in the same order
-- :epoch, :target, :attempts, :losses, :keep_ms  of all of them; :target is an ended state
-- :parental  whether those may be among them from which edges lead
-- :now      the instant of the settle
-- Answers nothing.
UPDATE jobs
SET
    state = :target,
    revision = jobs.revision + 1,
    attempts = :attempts,
    losses = :losses,
    memo = NULL,
    result = said.result,
    ended_at = :now,
    keep_ms = :keep_ms,
    leaves_at = :now + :keep_ms * 1000,
    settled_epoch = :epoch,
    settled_digest = said.digest
FROM (
    SELECT substr(:runs, key * 24 + 1, 16) AS id, substr(:runs, key * 24 + 17, 8) AS digest, value AS result
    FROM json_each(:results)
) AS said
WHERE jobs.id = said.id AND jobs.state = 1 AND jobs.epoch = :epoch AND jobs.parental <= :parental;
