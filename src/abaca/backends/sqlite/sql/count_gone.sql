-- Notes the ends that no record will show any more: their jobs are about to be requeued or removed.
-- :ids  JSON array of ids in hexadecimal
-- Answers nothing.
UPDATE totals
SET gone = gone + leaving.jobs
FROM (
    SELECT state, count(*) AS jobs
    FROM jobs
    WHERE id IN (SELECT unhex(value) FROM json_each(:ids)) AND state >= 2
    GROUP BY state
) AS leaving
WHERE totals.state = leaving.state;
