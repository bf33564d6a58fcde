-- How many jobs wait.
-- :now  the instant that tells due from later
-- Answers (queue, priority, jobs, those of them due and free to start, those held back by a limit or by parents, the
-- earliest due_at of the due ones or null) by queue, then priority, higher first.
SELECT queue, priority, sum(jobs), sum(due), sum(blocked), min(oldest)
FROM (
    SELECT
        queue, priority, count(*) AS jobs, sum(due_at <= :now) AS due, 0 AS blocked,
        min(iif(due_at <= :now, due_at, NULL)) AS oldest
    FROM jobs
    WHERE state = 0 AND blocked IS NULL AND deadline_at IS NULL
    GROUP BY queue, priority
    UNION ALL
    SELECT
        queue, priority, count(*), sum(due_at <= :now), 0, min(iif(due_at <= :now, due_at, NULL))
    FROM jobs
    WHERE deadline_at IS NOT NULL AND blocked IS NULL
    GROUP BY queue, priority
    UNION ALL
    SELECT queue, priority, count(*), 0, count(*), NULL FROM jobs WHERE blocked IS NOT NULL GROUP BY queue, priority
)
GROUP BY queue, priority
ORDER BY queue, priority DESC;
