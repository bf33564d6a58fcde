-- Sets the cancel flag of RUNNING jobs.
-- :ids  JSON array of ids in hexadecimal
-- Answers nothing.
UPDATE jobs SET cancel = 1 WHERE id IN (SELECT unhex(value) FROM json_each(:ids)) AND state = 1;
