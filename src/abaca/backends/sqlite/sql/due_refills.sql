-- The buckets with a rate under which jobs are parked and which let one start by now, or later than they can: then the
-- clock has stepped back.
-- :now
-- Answers (bucket, refill_at, interval_us, burst), longest ago first.
SELECT bucket, refill_at, interval_us, burst
FROM rates
WHERE refill_at IS NOT NULL AND (refill_at <= :now OR refill_at > :now + interval_us)
ORDER BY refill_at, bucket;
