-- Sets a job's next entry id and its count of trimmed entries to what its log says.
-- :n  the job
-- Answers nothing.
UPDATE jobs
SET
    next_entry = max(next_entry, (SELECT coalesce(max(entry), 2) + 1 FROM log WHERE log.job = id)),
    trimmed = (SELECT count(*) FROM log WHERE log.job = id AND kind IN ('progress', 'log'))
WHERE n = :n;
