-- The children of a job whom its requeue concerns.
-- :id  16 bytes
-- Answers (id in hexadecimal), in the order in which they were stored.
SELECT lower(hex(children.id))
FROM edges
CROSS JOIN jobs AS children ON children.n = edges.child
WHERE
    edges.parent = (SELECT n FROM jobs WHERE id = :id) AND children.state = 0
    AND (children.open_parents > 0 OR children.unmet > 0)
ORDER BY edges.child;
