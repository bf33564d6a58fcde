-- Jobs whose lease has ended, longest ago first.
-- :now    the instant of the reclaim
-- :limit  how many at most
-- Answers (id as 16 bytes, n).
SELECT id, n
FROM jobs
WHERE state = 1 AND lease_until <= :now
ORDER BY lease_until, id
LIMIT :limit;
