-- The next line of deadlines of a queue, by priority (higher first), then lane.
-- :queue, :priority, :lane  the line before it
-- Answers (priority, lane, when its first job is due), or no row.
--
-- Two seeks rather than one comparison, as in next_line.sql.
SELECT priority, lane, due_at
FROM (
    SELECT priority, lane, due_at
    FROM jobs
    WHERE
        deadline_at IS NOT NULL AND blocked IS NULL
        AND queue = :queue AND priority = :priority AND lane < :lane
    ORDER BY lane DESC, due_at, id
    LIMIT 1
)
UNION ALL
SELECT priority, lane, due_at
FROM (
    SELECT priority, lane, due_at
    FROM jobs
    WHERE
        deadline_at IS NOT NULL AND blocked IS NULL
        AND queue = :queue AND priority < :priority
    ORDER BY priority DESC, lane DESC, due_at, id
    LIMIT 1
)
LIMIT 1;
