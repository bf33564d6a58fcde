-- The lowest and highest n of the jobs, for an audit in pieces. No parameters.
-- Answers (lowest, highest), null when there is no job.
SELECT min(n), max(n) FROM jobs;
