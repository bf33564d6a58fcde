-- Whole jobs by id.
-- :ids  JSON array of ids in hexadecimal
-- Answers a row of `jobs` in the order of its columns for each id that is known.
SELECT jobs.*
FROM json_each(:ids) AS wanted
CROSS JOIN jobs ON jobs.id = unhex(wanted.value);
