-- Large arguments whose job is gone, or has arguments in its row.
-- :first, :last  the piece, by job
-- Answers (n, id as 16 bytes or as text where the job is gone, what is wrong).
SELECT job, coalesce(id, 'bodies.' || job), 'large arguments are kept of a job that does not need them'
FROM bodies
LEFT JOIN jobs ON n = job
WHERE job BETWEEN :first AND :last AND (n IS NULL OR jobs.args IS NOT NULL);
