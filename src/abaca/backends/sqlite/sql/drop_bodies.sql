-- Removes the large arguments of jobs.
-- :ids  JSON array of ids in hexadecimal
-- Answers nothing.
DELETE FROM bodies WHERE job IN (SELECT n FROM jobs WHERE id IN (SELECT unhex(value) FROM json_each(:ids)));
