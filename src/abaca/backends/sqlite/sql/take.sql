-- The next jobs of one tenant in an ordinary line that are due.
-- :queue, :priority, :lane, :tenant  the line
-- :now       the instant up to which jobs are due
-- :at, :id   the place after which to look
-- :limit     how many at most
-- Answers (due_at, id as 16 bytes, n, bytes of args: 0 where they are lost, options where they hold limits or null), in
-- order.
SELECT
    due_at, id, n, coalesce(octet_length(coalesce(args, (SELECT args FROM bodies WHERE job = n))), 0),
    iif(limited, options, NULL)
FROM jobs
WHERE
    state = 0 AND blocked IS NULL AND deadline_at IS NULL
    AND queue = :queue AND priority = :priority AND lane = :lane AND tenant = :tenant AND due_at <= :now
    AND (due_at, id) > (:at, :id)
ORDER BY due_at, id
LIMIT :limit;
