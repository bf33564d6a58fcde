-- Removes the edges that lead from jobs.
-- :ids  JSON array of ids in hexadecimal
-- Answers nothing.
DELETE FROM edges WHERE parent IN (SELECT n FROM jobs WHERE id IN (SELECT unhex(value) FROM json_each(:ids)));
