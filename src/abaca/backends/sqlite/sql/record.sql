-- A record that has not expired.
-- :kind, :id, :now
-- Answers (kind, id, version, data, expires_ms), or no row.
SELECT kind, id, version, data, expires_ms
FROM records
WHERE kind = :kind AND id = :id AND (expires_at IS NULL OR expires_at > :now);
