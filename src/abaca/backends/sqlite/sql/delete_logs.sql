-- Removes the logs of jobs.
-- :ids  JSON array of ids in hexadecimal
-- Answers nothing.
DELETE FROM log WHERE job IN (SELECT unhex(value) FROM json_each(:ids));
