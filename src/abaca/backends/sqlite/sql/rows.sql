-- Whole jobs by id.
-- :ids  JSON array of ids in hexadecimal
-- Answers a row as `rows.py` reads it for each id that is known.
SELECT
    jobs.id, state, queue, priority, lane, due_at, task,
    coalesce(jobs.args, (SELECT bodies.args FROM bodies WHERE bodies.job = n)), jobs.key, options, created_at, epoch,
    revision, attempts, losses, memo, started_at, claimed_at, ended_at, lease_until, worker, cancel, result, error,
    progress, purged, key_scope, blocked,
    CASE WHEN unmet IS NOT NULL THEN
        '[' || open_parents || ',' || unmet || ','
        || iif(purged, '[]', coalesce((SELECT after FROM asked WHERE asked.child = n), '')) || ']'
    END
FROM json_each(:ids) AS wanted
CROSS JOIN jobs ON jobs.id = unhex(wanted.value);
