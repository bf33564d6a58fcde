-- The job of a queue that makes room for one of a higher priority.
-- :queue, :priority  of the new job
-- :most              how many jobs are looked at
-- Answers (id as 16 bytes, whether edges may lead from it), or no row.
SELECT jobs.id, jobs.parental
FROM (
    SELECT n, priority, due_at, id
    FROM (
        SELECT n, priority, due_at, id
        FROM jobs
        WHERE state = 0 AND blocked IS NULL AND deadline_at IS NULL AND queue = :queue AND priority < :priority
        ORDER BY priority, due_at DESC, id DESC
        LIMIT :most
    )
    UNION ALL
    SELECT n, priority, due_at, id
    FROM (
        SELECT n, priority, due_at, id
        FROM jobs
        WHERE deadline_at IS NOT NULL AND blocked IS NULL AND queue = :queue AND priority < :priority
        ORDER BY priority, due_at DESC, id DESC
        LIMIT :most
    )
    ORDER BY priority, due_at DESC, id DESC
    LIMIT :most
) AS lower
CROSS JOIN jobs ON jobs.n = lower.n
WHERE jobs.epoch = 0
ORDER BY lower.priority, lower.due_at DESC, lower.id DESC
LIMIT 1;
