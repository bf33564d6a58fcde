-- Counts the end of some parents at each child that waits for them. A child of which no parent is open any more enters
-- its line: due when its delay is over, or at its due time if that is later.
-- :ids    JSON array of the parents, in hexadecimal, that have ended in the same transaction
-- :state  how they ended, or null where their rows say so
-- :now    the instant of the end
-- Answers (queue of a child that has entered its line, or null) for each child.
UPDATE jobs
SET
    open_parents = open_parents - ended.parents,
    unmet = jobs.unmet + ended.unmet,
    blocked = iif(open_parents > ended.parents, blocked, NULL),
    deadline_at = iif(open_parents > ended.parents, deadline_at, deadline_at - due_at + max(due_at, :now)),
    due_at = iif(
        open_parents > ended.parents,
        due_at,
        max(due_at, :now + iif(json_valid(options), coalesce(options ->> 'delay_ms', 0), 0) * 1000)
    )
FROM (
    SELECT
        edges.child, count(*) AS parents,
        sum(edges.wants <> 2 AND (edges.wants = 0) <> (coalesce(:state, parents.state) = 2)) AS unmet
    FROM json_each(:ids) AS named
    CROSS JOIN jobs AS parents ON parents.id = unhex(named.value)
    CROSS JOIN edges ON edges.parent = parents.n
    GROUP BY edges.child
) AS ended
WHERE jobs.n = ended.child AND jobs.state = 0 AND jobs.open_parents > 0
RETURNING iif(open_parents, NULL, queue);
