-- What has become of the parents that a job asks for.
-- :parents  JSON array of [id in hexadecimal, wants]
-- :id       the job that asks, as 16 bytes: it is no parent of itself
-- Answers (open ones, unmet ones among the ended, unknown ones, place of the first unknown one or null).
SELECT
    coalesce(sum(jobs.state < 2), 0),
    coalesce(sum(jobs.state >= 2 AND wants <> 2 AND (wants = 0) <> (jobs.state = 2)), 0),
    coalesce(sum(jobs.n IS NULL), 0),
    min(iif(jobs.n IS NULL, place, NULL))
FROM (
    SELECT key AS place, unhex(value ->> 0) AS parent, value ->> 1 AS wants FROM json_each(:parents)
) AS named
LEFT JOIN jobs ON jobs.id = named.parent AND jobs.id <> :id;
