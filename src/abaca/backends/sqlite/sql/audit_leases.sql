-- RUNNING jobs whose lease has no end, which no reaper would take.
-- :first, :last  the piece, by n
-- Answers (n, id as 16 bytes, what is wrong).
SELECT n, id, 'it runs at epoch ' || epoch || ' and has no end of its lease, so that nobody would take it over'
FROM jobs
WHERE n BETWEEN :first AND :last AND state = 1 AND lease_until IS NULL;
