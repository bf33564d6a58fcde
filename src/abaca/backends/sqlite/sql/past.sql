-- Ended jobs past their keep and tombstones past theirs, oldest first.
-- :now, :limit
-- Answers (id in hexadecimal, purged, whether it has or had edges, whether a child has not ended).
SELECT
    lower(hex(id)), purged, parental OR unmet IS NOT NULL,
    CASE WHEN parental THEN EXISTS (
        SELECT 1
        FROM edges
        CROSS JOIN jobs AS children ON children.n = edges.child
        WHERE edges.parent = jobs.n AND children.state < 2
    ) ELSE 0 END
FROM jobs
WHERE state >= 2 AND leaves_at <= :now
ORDER BY leaves_at, id
LIMIT :limit;
