-- How many jobs wait in a queue, counted as far as :most.
-- :queue, :most
-- Answers (jobs).
SELECT
    (SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = 0 AND blocked IS NULL AND queue = :queue LIMIT :most))
    + (SELECT count(*) FROM (SELECT 1 FROM jobs WHERE blocked IS NOT NULL AND queue = :queue LIMIT :most));
