-- The permits that some jobs hold.
-- :ids  JSON array of ids in hexadecimal
-- Answers (bucket, holder as 16 bytes), in the order of :ids.
SELECT permits.bucket, permits.holder
FROM json_each(:ids) AS wanted
CROSS JOIN permits ON permits.holder = unhex(wanted.value);
