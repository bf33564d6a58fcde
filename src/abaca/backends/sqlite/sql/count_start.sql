-- Counts a start in a bucket with a rate.
-- :bucket, :full_at, :interval_us, :burst  when it will be full again, and its limit
-- Answers nothing.
INSERT INTO rates (bucket, full_at, interval_us, burst)
VALUES (:bucket, :full_at, :interval_us, :burst)
ON CONFLICT (bucket) DO UPDATE
SET full_at = excluded.full_at, interval_us = excluded.interval_us, burst = excluded.burst;
