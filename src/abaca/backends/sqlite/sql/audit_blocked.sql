-- Jobs that are said to be held back by a limit and do not wait.
-- :first, :last  the piece, by n
-- Answers (n, id as 16 bytes, what is wrong).
SELECT n, id, 'it is parked under the bucket ' || quote(blocked) || ' and does not wait'
FROM jobs
WHERE n BETWEEN :first AND :last AND blocked IS NOT NULL AND state <> 0;
