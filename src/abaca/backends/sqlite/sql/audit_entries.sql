-- Jobs whose next entry id is taken already, or whose count of trimmed entries differs from a recount of the log.
-- :first, :last  the piece, by n
-- Answers (n, id as 16 bytes, what is wrong).
SELECT
    n, id,
    'its next log entry is ' || next_entry || ' of which the last is ' || last || '; ' || trimmed || ' trimmed entries '
    || 'are counted, a recount gives ' || kept
FROM (
    SELECT
        n, id, next_entry, trimmed, purged,
        (SELECT coalesce(max(entry), 2) FROM log WHERE log.job = id) AS last,
        (SELECT count(*) FROM log WHERE log.job = id AND kind IN ('progress', 'log')) AS kept
    FROM jobs
    WHERE n BETWEEN :first AND :last
)
WHERE next_entry <= last OR trimmed <> kept;
