-- Reduces ended jobs to tombstones, which stay for their keep again.
-- :ids      JSON array of ids in hexadecimal
-- :least_ms  the shortest life of a tombstone
-- Answers nothing.
UPDATE jobs
SET
    purged = 1, queue = 'default', priority = 50, lane = '', task = '', tenant = '', deadline_at = NULL, args = '{}', key = NULL, key_scope = 0, options = NULL,
    own_lease_ms = NULL, memo = NULL, result = NULL, error = NULL, progress = NULL, trimmed = 0,
    leaves_at = max(leaves_at, ended_at + (keep_ms + max(keep_ms, :least_ms)) * 1000)
WHERE id IN (SELECT unhex(value) FROM json_each(:ids));
