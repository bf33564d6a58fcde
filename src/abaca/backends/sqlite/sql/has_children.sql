-- Whether any child of a job has not ended.
-- :id  16 bytes
-- Answers (1), or no row.
SELECT 1
FROM edges
CROSS JOIN jobs AS children ON children.n = edges.child
WHERE edges.parent = (SELECT n FROM jobs WHERE id = :id) AND children.state < 2
LIMIT 1;
