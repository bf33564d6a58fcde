-- Lets the first jobs of a queue and lane that are parked under a bucket back into their lines.
-- :bucket, :queue, :lane, :count  where they are parked, how many at most
-- Answers nothing.
UPDATE jobs
SET blocked = NULL
WHERE n IN (
    SELECT n
    FROM jobs
    WHERE blocked = :bucket AND queue = :queue AND lane = :lane
    ORDER BY priority DESC, due_at, id
    LIMIT :count
);
