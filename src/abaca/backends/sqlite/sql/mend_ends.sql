-- Enters an ended job to leave at the end of its keep, or of its tombstone's.
-- :n, :now, :least_ms  the job; its end where that is lost too; the shortest life of a tombstone
-- Answers nothing.
UPDATE jobs
SET
    ended_at = coalesce(ended_at, :now),
    leaves_at = coalesce(ended_at, :now) + (keep_ms + iif(purged, max(keep_ms, :least_ms), 0)) * 1000
WHERE n = :n;
