-- How many jobs are RUNNING. No parameters.
-- Answers (jobs).
SELECT count(*) FROM jobs WHERE state = 1;
