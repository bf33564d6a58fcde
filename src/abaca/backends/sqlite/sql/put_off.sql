-- Has a purge look again later at ended jobs and tombstones.
-- :ids, :leaves_at  JSON array of ids in hexadecimal, when
-- Answers nothing.
UPDATE jobs SET leaves_at = :leaves_at WHERE id IN (SELECT unhex(value) FROM json_each(:ids)) AND state >= 2;
