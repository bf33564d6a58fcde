-- How many jobs of a queue are due in its lines or held back by a limit, and since when the first is.
-- :queue, :now
-- Answers (jobs, the earliest instant or null). Of a job that is held back the instant is what orders it there.
--
-- In the ordinary lines it seeks from line to line, so that it costs nothing how many jobs are for later.
WITH RECURSIVE lines (n) AS (
    SELECT (
        SELECT n
        FROM jobs
        WHERE state = 0 AND blocked IS NULL AND deadline_at IS NULL AND queue = :queue
        ORDER BY priority DESC, lane DESC, tenant, due_at, id
        LIMIT 1
    )
    UNION ALL
    SELECT
        coalesce(
            (
                SELECT n
                FROM jobs
                WHERE
                    state = 0 AND blocked IS NULL AND deadline_at IS NULL
                    AND queue = :queue AND priority = head.priority AND lane = head.lane AND tenant > head.tenant
                ORDER BY tenant, due_at, id
                LIMIT 1
            ),
            (
                SELECT n
                FROM jobs
                WHERE
                    state = 0 AND blocked IS NULL AND deadline_at IS NULL
                    AND queue = :queue AND priority = head.priority AND lane < head.lane
                ORDER BY lane DESC, tenant, due_at, id
                LIMIT 1
            ),
            (
                SELECT n
                FROM jobs
                WHERE
                    state = 0 AND blocked IS NULL AND deadline_at IS NULL
                    AND queue = :queue AND priority < head.priority
                ORDER BY priority DESC, lane DESC, tenant, due_at, id
                LIMIT 1
            )
        )
    FROM lines
    CROSS JOIN jobs AS head ON head.n = lines.n
)
SELECT coalesce(sum(jobs), 0), min(first_at)
FROM (
    SELECT
        (
            SELECT count(*)
            FROM jobs
            WHERE
                state = 0 AND blocked IS NULL AND deadline_at IS NULL
                AND queue = :queue AND priority = head.priority AND lane = head.lane AND tenant = head.tenant
                AND due_at <= :now
        ) AS jobs,
        iif(head.due_at <= :now, head.due_at, NULL) AS first_at
    FROM lines
    CROSS JOIN jobs AS head ON head.n = lines.n
    UNION ALL
    SELECT count(*), min(due_at)
    FROM jobs
    WHERE deadline_at IS NOT NULL AND blocked IS NULL AND queue = :queue AND due_at <= :now
    UNION ALL
    SELECT count(*), min(coalesce(deadline_at, due_at))
    FROM jobs
    WHERE blocked > '' AND queue = :queue
);
