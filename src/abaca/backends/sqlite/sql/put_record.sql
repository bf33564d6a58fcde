-- Writes a record.
-- :kind, :id, :version, :data, :expires_ms, :expires_at  its values; the caller compared the version before
-- Answers nothing.
INSERT INTO records (kind, id, version, data, expires_ms, expires_at)
VALUES (:kind, :id, :version, :data, :expires_ms, :expires_at)
ON CONFLICT (kind, id) DO UPDATE
SET version = excluded.version, data = excluded.data, expires_ms = excluded.expires_ms, expires_at = excluded.expires_at;
