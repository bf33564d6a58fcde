-- Jobs that stand in a line that their options do not say: of another tenant, or of deadlines, or by another deadline.
-- :first, :last  the piece, by n
-- Answers (n, id as 16 bytes, what is wrong).
SELECT
    n, id,
    'it stands in the line of the tenant ' || quote(tenant) || ' with the deadline ' || coalesce(deadline_at, 'none')
    || '; its record says ' || quote(asked_tenant) || ' and ' || coalesce(asked_deadline, 'none')
FROM (
    SELECT
        n, id, tenant, deadline_at,
        coalesce(options ->> 'tenant', '') AS asked_tenant,
        iif(state = 0 AND epoch = 0, due_at + (options ->> 'start_within_ms') * 1000, NULL) AS asked_deadline
    FROM jobs
    WHERE n BETWEEN :first AND :last AND (options IS NULL OR json_valid(options))
)
WHERE tenant <> asked_tenant OR deadline_at IS NOT asked_deadline;
