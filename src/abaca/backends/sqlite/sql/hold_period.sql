-- Has a job hold a key for a period, in place of whoever held it for one before.
-- :key, :holder, :ends_at  the holder as 16 bytes; the caller judged in the same transaction that the key is free
-- Answers nothing.
INSERT INTO periods (key, holder, ends_at)
VALUES (:key, :holder, :ends_at)
ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at;
