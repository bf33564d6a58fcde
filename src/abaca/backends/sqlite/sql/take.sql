-- The first jobs of a line that are due.
-- :queue, :priority, :lane  the line
-- :now                      the instant of the claim
-- :limit                    how many at most
-- Answers (due_at, id as 16 bytes, bytes of args), in order.
SELECT due_at, id, octet_length(args)
FROM jobs
WHERE state = 0 AND queue = :queue AND priority = :priority AND lane = :lane AND due_at <= :now
ORDER BY due_at, id
LIMIT :limit;
