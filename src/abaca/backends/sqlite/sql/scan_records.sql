-- Records of a kind that have not expired.
-- :kind, :after, :limit, :now  only ids above :after
-- Answers (kind, id, version, data, expires_ms) in order of id.
SELECT kind, id, version, data, expires_ms
FROM records
WHERE kind = :kind AND id > :after AND (expires_at IS NULL OR expires_at > :now)
ORDER BY id
LIMIT :limit;
