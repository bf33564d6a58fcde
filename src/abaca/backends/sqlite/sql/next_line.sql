-- The next line of a queue in which jobs wait, by priority (higher first), then lane, and when its first job is due.
-- :queue, :priority, :lane  the line before it
-- Answers (priority, lane, due_at), or no row.
--
-- Two seeks rather than one comparison of (priority, lane): SQLite would walk the whole line before it to find the end.
SELECT priority, lane, due_at
FROM (
    SELECT priority, lane, due_at
    FROM jobs
    WHERE state = 0 AND blocked IS NULL AND queue = :queue AND priority = :priority AND lane < :lane
    ORDER BY lane DESC, due_at, id
    LIMIT 1
)
UNION ALL
SELECT priority, lane, due_at
FROM (
    SELECT priority, lane, due_at
    FROM jobs
    WHERE state = 0 AND blocked IS NULL AND queue = :queue AND priority < :priority
    ORDER BY priority DESC, lane DESC, due_at, id
    LIMIT 1
)
LIMIT 1;
