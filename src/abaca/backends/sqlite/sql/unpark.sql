-- Lets the first jobs that are parked under a bucket back into their lines: so many of each queue and lane, and there of
-- each tenant and of the line of deadlines.
-- :bucket, :count
-- Answers (queue) for each.
--
-- It seeks from one such line to the next, so that it costs nothing how many jobs stay parked; by three seeks rather than
-- one comparison of (queue, lane, kind), of which SQLite would use the first column only.
WITH RECURSIVE places (queue, lane, kind) AS (
    SELECT '', '', ''
    UNION ALL
    SELECT next.queue, next.lane, iif(next.deadline_at IS NULL, ':' || next.tenant, '')
    FROM places
    CROSS JOIN jobs AS next ON next.n = (
        SELECT n
        FROM (
            SELECT n
            FROM jobs
            WHERE blocked = :bucket AND queue = places.queue AND lane = places.lane AND iif(deadline_at IS NULL, ':' || tenant, '') > places.kind
            ORDER BY iif(deadline_at IS NULL, ':' || tenant, ''), priority DESC, coalesce(deadline_at, due_at), id
            LIMIT 1
        )
        UNION ALL
        SELECT n
        FROM (
            SELECT n
            FROM jobs
            WHERE blocked = :bucket AND queue = places.queue AND lane > places.lane
            ORDER BY lane, iif(deadline_at IS NULL, ':' || tenant, ''), priority DESC, coalesce(deadline_at, due_at), id
            LIMIT 1
        )
        UNION ALL
        SELECT n
        FROM (
            SELECT n
            FROM jobs
            WHERE blocked = :bucket AND queue > places.queue
            ORDER BY queue, lane, iif(deadline_at IS NULL, ':' || tenant, ''), priority DESC, coalesce(deadline_at, due_at), id
            LIMIT 1
        )
        LIMIT 1
    )
)
UPDATE jobs
SET blocked = NULL
WHERE n IN (
    SELECT first.n
    FROM places
    CROSS JOIN jobs AS first ON first.n IN (
        SELECT n
        FROM jobs
        WHERE
            blocked = :bucket AND queue = places.queue AND lane = places.lane
            AND iif(deadline_at IS NULL, ':' || tenant, '') = places.kind
        ORDER BY priority DESC, coalesce(deadline_at, due_at), id
        LIMIT :count
    )
)
RETURNING queue;
