-- Removes whole jobs.
-- :ids  JSON array of ids in hexadecimal
-- Answers nothing.
DELETE FROM jobs WHERE id IN (SELECT unhex(value) FROM json_each(:ids));
