-- Whole jobs by their number in this file.
-- :jobs  JSON array of their n
-- Answers the columns of rows.sql, in the order of :jobs.
SELECT
    jobs.id, state, queue, priority, lane, due_at, task,
    coalesce(jobs.args, (SELECT bodies.args FROM bodies WHERE bodies.job = n)), jobs.key, options, created_at, epoch,
    revision, attempts, losses, memo, started_at, claimed_at, ended_at, lease_until, worker, cancel, result, error,
    progress, purged, key_scope, blocked,
    CASE WHEN unmet IS NOT NULL THEN
        '[' || open_parents || ',' || unmet || ','
        || iif(purged, '[]', coalesce((SELECT after FROM asked WHERE asked.child = n), '')) || ']'
    END
FROM json_each(:jobs) AS wanted
CROSS JOIN jobs ON jobs.n = wanted.value;
