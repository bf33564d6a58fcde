-- The live jobs that hold some keys.
-- :keys  JSON array of keys
-- Answers (key, id as 16 bytes) for each key that is held.
SELECT jobs.key, jobs.id
FROM json_each(:keys) AS wanted
CROSS JOIN jobs ON jobs.key = wanted.value AND jobs.key IS NOT NULL AND jobs.state < 2;
