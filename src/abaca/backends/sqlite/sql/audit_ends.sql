-- Ended jobs that leave at no time or at another than their keep says, but for parents, which may be kept for longer.
-- :first, :last  the piece, by n
-- :least_ms      the shortest life of a tombstone
-- Answers (n, id as 16 bytes, what is wrong).
SELECT n, id, 'it has ended and is not entered to leave at the end of its keep'
FROM jobs
WHERE
    n BETWEEN :first AND :last AND state BETWEEN 2 AND 4
    AND (
        ended_at IS NULL
        OR leaves_at IS NULL
        OR leaves_at < ended_at + (keep_ms + iif(purged, max(keep_ms, :least_ms), 0)) * 1000
        OR (NOT parental AND leaves_at > ended_at + (keep_ms + iif(purged, max(keep_ms, :least_ms), 0)) * 1000)
    );
