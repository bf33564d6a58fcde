-- The first jobs of a line that are due.
-- :queue, :priority, :lane  the line
-- :now                      the instant of the claim
-- :limit                    how many at most
-- :past                     how many of its first jobs to pass over
-- Answers (due_at, id as 16 bytes, n, bytes of args: 0 where they are lost, options where they hold limits or null), in
-- order.
SELECT
    due_at, id, n, coalesce(octet_length(coalesce(args, (SELECT args FROM bodies WHERE job = n))), 0),
    iif(limited, options, NULL)
FROM jobs
WHERE state = 0 AND blocked IS NULL AND queue = :queue AND priority = :priority AND lane = :lane AND due_at <= :now
ORDER BY due_at, id
LIMIT :limit OFFSET :past;
