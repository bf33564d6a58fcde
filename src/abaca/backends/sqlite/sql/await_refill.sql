-- Notes when a bucket with a rate lets the next job start, because jobs are parked under it.
-- :bucket, :refill_at, :interval_us, :burst  that instant, and its limit
-- Answers nothing.
INSERT INTO rates (bucket, refill_at, interval_us, burst)
VALUES (:bucket, :refill_at, :interval_us, :burst)
ON CONFLICT (bucket) DO UPDATE
SET refill_at = excluded.refill_at, interval_us = excluded.interval_us, burst = excluded.burst;
