-- Removes the log of a job that is gone or only a tombstone.
-- :id  16 bytes
-- Answers nothing.
DELETE FROM log WHERE job = :id AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = :id AND NOT purged);
