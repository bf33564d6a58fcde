-- Has each claim let more of the jobs back that are parked under a bucket, if any is: the bucket refills since long ago.
-- :bucket, :refill_at  that instant
-- Answers nothing.
INSERT INTO rates (bucket, refill_at, interval_us, burst)
SELECT :bucket, :refill_at, 1, 1
WHERE EXISTS (SELECT 1 FROM jobs WHERE blocked = :bucket)
ON CONFLICT (bucket) DO UPDATE
SET refill_at = excluded.refill_at;
