-- Counts, by queue, those of some jobs whose deadline is over before they are claimed.
-- :jobs, :now  JSON array of their n, the instant of the claim
-- Answers nothing.
INSERT INTO late (queue, jobs)
SELECT queue, count(*)
FROM json_each(:jobs) AS claimed
CROSS JOIN jobs ON n = claimed.value
WHERE deadline_at < :now
GROUP BY queue
ON CONFLICT (queue) DO UPDATE SET jobs = late.jobs + excluded.jobs;
