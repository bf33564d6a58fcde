-- Forgets when to look again at the jobs that are parked under a bucket, if none is.
-- :bucket, :leaving  16 bytes of one that is about to leave, or none
-- Answers nothing.
UPDATE rates
SET refill_at = NULL
WHERE
    bucket = :bucket AND refill_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE blocked = :bucket AND id <> :leaving);
