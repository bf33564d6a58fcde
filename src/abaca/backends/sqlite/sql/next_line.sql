-- The next ordinary line of a queue in which jobs wait, by priority (higher first), then lane.
-- :queue, :priority, :lane  the line before it
-- Answers (priority, lane, when the first job of its first tenant is due, that tenant, its last tenant), or no row.
--
-- Two seeks rather than one comparison of (priority, lane): SQLite would walk the whole line before it to find the end.
SELECT
    priority, lane, due_at, tenant,
    (
        SELECT tenant
        FROM jobs
        WHERE
            state = 0 AND blocked IS NULL AND deadline_at IS NULL
            AND queue = :queue AND priority = line.priority AND lane = line.lane
        ORDER BY tenant DESC, due_at DESC, id DESC
        LIMIT 1
    )
FROM (
    SELECT priority, lane, due_at, tenant
    FROM (
        SELECT priority, lane, due_at, tenant
        FROM jobs
        WHERE
            state = 0 AND blocked IS NULL AND deadline_at IS NULL
            AND queue = :queue AND priority = :priority AND lane < :lane
        ORDER BY lane DESC, tenant, due_at, id
        LIMIT 1
    )
    UNION ALL
    SELECT priority, lane, due_at, tenant
    FROM (
        SELECT priority, lane, due_at, tenant
        FROM jobs
        WHERE
            state = 0 AND blocked IS NULL AND deadline_at IS NULL
            AND queue = :queue AND priority < :priority
        ORDER BY priority DESC, lane DESC, tenant, due_at, id
        LIMIT 1
    )
    LIMIT 1
) AS line;
