-- What there is in the store that most claims need not look for. No parameters.
-- Answers (whether a rate holds jobs back, any job is parked, any stands in a line of deadlines, any turns are known,
-- a whole task is limited).
SELECT
    EXISTS (SELECT 1 FROM rates WHERE refill_at IS NOT NULL),
    EXISTS (SELECT 1 FROM jobs WHERE blocked > ''),
    EXISTS (SELECT 1 FROM jobs WHERE deadline_at IS NOT NULL AND blocked IS NULL AND queue >= ''),
    EXISTS (SELECT 1 FROM turns),
    EXISTS (SELECT 1 FROM records WHERE kind = 'bucket' AND id >= 'jobs-of:' AND id < 'jobs-of;');
