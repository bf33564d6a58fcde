-- Removes what jobs asked of their parents.
-- :ids  JSON array of ids in hexadecimal
-- Answers nothing.
DELETE FROM asked WHERE child IN (SELECT n FROM jobs WHERE id IN (SELECT unhex(value) FROM json_each(:ids)));
