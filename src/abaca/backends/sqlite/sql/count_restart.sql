-- Counts the requeue of a job at those of its children that wait and have open or unmet parents: they leave their lines.
-- :id, :state  16 bytes, how it had ended
-- :child       one of them as 16 bytes, or null for all
-- Answers nothing.
UPDATE jobs
SET open_parents = open_parents + 1, unmet = jobs.unmet - again.unmet, blocked = ''
FROM (
    SELECT child, wants <> 2 AND (wants = 0) <> (:state = 2) AS unmet
    FROM edges
    WHERE parent = (SELECT n FROM jobs WHERE id = :id)
) AS again
WHERE
    jobs.n = again.child AND jobs.state = 0 AND (jobs.open_parents > 0 OR jobs.unmet > 0)
    AND (:child IS NULL OR jobs.id = :child);
