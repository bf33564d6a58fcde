-- Removes the oldest progress and log lines of a job.
-- :id      16 bytes
-- :excess  how many
-- Answers nothing.
DELETE FROM log
WHERE job = :id AND entry IN (
    SELECT entry FROM log WHERE job = :id AND kind IN ('progress', 'log') ORDER BY entry LIMIT :excess
);
