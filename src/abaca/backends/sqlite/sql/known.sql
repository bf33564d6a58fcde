-- Which of some ids are here, tombstones included.
-- :ids  JSON array of ids in hexadecimal
-- Answers the ids that are known, as 16 bytes each.
SELECT jobs.id
FROM json_each(:ids) AS wanted
CROSS JOIN jobs ON jobs.id = unhex(wanted.value);
