-- Logs of jobs that are gone or only a tombstone, in order of the job's id.
-- :after, :limit  the id after which to look, how many logs
-- Answers (id as 16 bytes, whether it is a fault).
SELECT job, NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = job AND NOT purged)
FROM (SELECT DISTINCT job FROM log WHERE job > :after ORDER BY job LIMIT :limit)
ORDER BY job;
