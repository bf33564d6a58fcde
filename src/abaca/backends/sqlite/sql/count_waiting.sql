-- How many jobs wait.
-- :now  the instant that tells due from later
-- Answers (queue, priority, jobs, jobs due, the earliest due_at of those that are due or null) by queue, then priority,
-- higher first.
SELECT queue, priority, count(*), sum(due_at <= :now), min(iif(due_at <= :now, due_at, NULL))
FROM jobs
WHERE state = 0
GROUP BY queue, priority
ORDER BY queue, priority DESC;
