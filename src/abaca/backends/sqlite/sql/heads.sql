-- The first job of each tenant in an ordinary line, due or not.
-- :queue, :priority, :lane  the line
-- Answers (tenant, and what take.sql answers), by tenant.
--
-- It seeks from tenant to tenant, so that it costs nothing how many jobs each has.
WITH RECURSIVE tenants (tenant) AS (
    SELECT (
        SELECT tenant
        FROM jobs
        WHERE
            state = 0 AND blocked IS NULL AND deadline_at IS NULL
            AND queue = :queue AND priority = :priority AND lane = :lane
        ORDER BY tenant, due_at, id
        LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT jobs.tenant
        FROM jobs
        WHERE
            state = 0 AND blocked IS NULL AND deadline_at IS NULL
            AND queue = :queue AND priority = :priority AND lane = :lane AND jobs.tenant > tenants.tenant
        ORDER BY jobs.tenant, due_at, id
        LIMIT 1
    )
    FROM tenants
    WHERE tenant IS NOT NULL
)
SELECT
    tenants.tenant, due_at, id, n, coalesce(octet_length(coalesce(args, (SELECT args FROM bodies WHERE job = n))), 0),
    iif(limited, options, NULL)
FROM tenants
CROSS JOIN jobs ON n = (
    SELECT n
    FROM jobs
    WHERE
        state = 0 AND blocked IS NULL AND deadline_at IS NULL
        AND queue = :queue AND priority = :priority AND lane = :lane AND jobs.tenant = tenants.tenant
    ORDER BY due_at, id
    LIMIT 1
)
WHERE tenants.tenant IS NOT NULL;
