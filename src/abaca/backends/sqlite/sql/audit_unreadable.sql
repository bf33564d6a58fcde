-- Jobs that cannot be read: no state, arguments or edges that are nowhere, columns that are no JSON.
-- :first, :last  the piece, by n
-- Answers (n, id as 16 bytes, what is wrong).
SELECT
    n, id,
    CASE
        WHEN length(id) <> 16 THEN 'its id has not 16 bytes'
        WHEN state NOT BETWEEN 0 AND 4 THEN 'its state is ' || state || ', which is none'
        WHEN unmet IS NOT NULL AND NOT purged AND NOT coalesce((SELECT json_valid(after) FROM asked WHERE child = n), 0)
        THEN 'what it asks of its parents is lost or no JSON'
        WHEN args IS NULL THEN 'its arguments are lost'
        WHEN typeof(args) NOT IN ('text', 'blob') THEN 'its arguments are a number'
        ELSE 'its options or its error are no JSON'
    END
FROM jobs
WHERE
    n BETWEEN :first AND :last
    AND (
        length(id) <> 16
        OR state NOT BETWEEN 0 AND 4
        OR (
            unmet IS NOT NULL AND NOT purged
            AND NOT coalesce((SELECT json_valid(after) FROM asked WHERE child = n), 0)
        )
        OR (args IS NULL AND NOT EXISTS (SELECT 1 FROM bodies WHERE bodies.job = n))
        OR (args IS NOT NULL AND typeof(args) NOT IN ('text', 'blob'))
        OR (options IS NOT NULL AND NOT json_valid(options))
        OR (error IS NOT NULL AND NOT json_valid(error))
    );
