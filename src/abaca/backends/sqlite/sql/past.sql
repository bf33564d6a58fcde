-- Ended jobs past their keep and tombstones past theirs, oldest first.
-- :now, :limit
-- Answers (id in hexadecimal, purged).
SELECT lower(hex(id)), purged
FROM jobs
WHERE state >= 2 AND leaves_at <= :now
ORDER BY leaves_at, id
LIMIT :limit;
