-- What is asked of parents by jobs that are gone, tombstones, or without parents.
-- :first, :last  the piece, by child
-- Answers (n, id as 16 bytes or as text where the job is gone, what is wrong).
SELECT child, coalesce(id, 'asked.' || child), 'what it asks of parents is kept, and it has none'
FROM asked
LEFT JOIN jobs ON n = child
WHERE child BETWEEN :first AND :last AND (n IS NULL OR purged OR unmet IS NULL);
