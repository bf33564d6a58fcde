-- Who holds a key.
-- :key, :now
-- Answers (id as 16 bytes, its state or null when it is gone), or no row.
SELECT id, state FROM jobs WHERE key = :key AND key IS NOT NULL AND state < 2 AND key_scope < 2
UNION ALL
SELECT holder, (SELECT state FROM jobs WHERE id = holder) FROM periods WHERE key = :key AND ends_at > :now
LIMIT 1;
