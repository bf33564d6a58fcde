-- The task of a job.
-- :n
-- Answers (task).
SELECT task FROM jobs WHERE n = :n;
