-- The next queue and lane of which jobs are parked under a bucket.
-- :bucket, :queue, :lane  the place before it
-- Answers (queue, lane), or no row.
--
-- Two seeks rather than one comparison of (queue, lane): SQLite would walk over all the jobs before it.
SELECT queue, lane
FROM (
    SELECT queue, lane
    FROM jobs
    WHERE blocked = :bucket AND queue = :queue AND lane > :lane
    ORDER BY queue, lane
    LIMIT 1
)
UNION ALL
SELECT queue, lane
FROM (
    SELECT queue, lane
    FROM jobs
    WHERE blocked = :bucket AND queue > :queue
    ORDER BY queue, lane
    LIMIT 1
)
LIMIT 1;
