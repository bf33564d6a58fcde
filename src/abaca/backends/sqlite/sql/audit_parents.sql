-- WAITING jobs whose counts of open and unmet parents differ from a recount of their edges, or that are held back for
-- parents and have none that is open, or the reverse. A parent without an edge was unknown, or has been deleted since.
-- :first, :last  the piece, by n
-- Answers (n, id as 16 bytes, what is wrong).
SELECT
    n, id,
    'it waits for ' || open_parents || ' parents with ' || coalesce(unmet, 0) || ' unmet, ' || iif(blocked = '', '', 'not ')
    || 'held back for them; a recount gives ' || opened || ' and ' || missed || ', with '
    || (asked - counted) || ' gone'
FROM (
    SELECT
        n, id, open_parents, unmet, blocked,
        (
            SELECT coalesce(sum(json_array_length(value, '$.ids')), 0)
            FROM asked, json_each(iif(json_valid(after), after, '[]'))
            WHERE child = n
        ) AS asked,
        count(edges.parent) AS counted,
        coalesce(sum(parents.state < 2), 0) AS opened,
        coalesce(sum(parents.state >= 2 AND wants <> 2 AND (wants = 0) <> (parents.state = 2)), 0) AS missed
    FROM (
        SELECT n, id, open_parents, unmet, blocked
        FROM jobs
        WHERE n BETWEEN :first AND :last AND state = 0 AND (open_parents OR unmet OR blocked = '')
    ) AS children
    LEFT JOIN edges ON edges.child = n
    LEFT JOIN (SELECT n AS parent, state FROM jobs) AS parents ON parents.parent = edges.parent
    GROUP BY n
)
WHERE
    open_parents <> opened
    OR coalesce(unmet, 0) NOT BETWEEN missed AND missed + asked - counted
    OR (blocked IS '') <> (open_parents > 0);
