-- Says when to look again at the jobs that are parked under a bucket with a rate, if any still is.
-- :bucket, :refill_at
-- Answers nothing.
UPDATE rates
SET refill_at = iif(EXISTS (SELECT 1 FROM jobs WHERE blocked = :bucket), :refill_at, NULL)
WHERE bucket = :bucket;
