-- The next jobs of a line of deadlines that are due, by deadline.
-- :queue, :priority, :lane  the line
-- :now       the instant up to which jobs are due
-- :at, :id   the place after which to look
-- :limit     how many at most
-- Answers (deadline, id as 16 bytes, n, bytes of args: 0 where they are lost, options where they hold limits or null), in
-- order.
SELECT
    deadline_at, id, n, coalesce(octet_length(coalesce(args, (SELECT args FROM bodies WHERE job = n))), 0),
    iif(limited, options, NULL)
FROM jobs
WHERE
    deadline_at IS NOT NULL AND blocked IS NULL
    AND queue = :queue AND priority = :priority AND lane = :lane AND due_at <= :now
    AND (deadline_at, id) > (:at, :id)
ORDER BY deadline_at, id
LIMIT :limit;
