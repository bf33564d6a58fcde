-- How many jobs wait in a queue: of those in ordinary lines, in lines of deadlines and held back, each counted as far as
-- :most.
-- :queue, :most
-- Answers (jobs).
SELECT
    (
        SELECT count(*)
        FROM (
            SELECT 1
            FROM jobs
            WHERE state = 0 AND blocked IS NULL AND deadline_at IS NULL AND queue = :queue
            LIMIT :most
        )
    )
    + (
        SELECT count(*)
        FROM (SELECT 1 FROM jobs WHERE deadline_at IS NOT NULL AND blocked IS NULL AND queue = :queue LIMIT :most)
    )
    + (SELECT count(*) FROM (SELECT 1 FROM jobs WHERE blocked IS NOT NULL AND queue = :queue LIMIT :most));
