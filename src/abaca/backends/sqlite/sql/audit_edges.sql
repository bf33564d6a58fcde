-- Edges of which an end is gone, or that lead to a tombstone.
-- :first, :last  the piece, by parent
-- Answers (n of the parent, id of the child as 16 bytes or its number where it is gone, what is wrong).
SELECT
    edges.parent, coalesce(children.id, 'edges.' || child),
    'an edge leads to it from ' || iif(parents.n IS NULL, 'a job that is gone', 'job ' || lower(hex(parents.id)))
    || iif(children.n IS NULL, ', and it is gone', iif(children.purged, ', and it is a tombstone', ''))
FROM edges
LEFT JOIN jobs AS parents ON parents.n = edges.parent
LEFT JOIN jobs AS children ON children.n = edges.child
WHERE
    edges.parent BETWEEN :first AND :last AND (parents.n IS NULL OR children.n IS NULL OR children.purged);
