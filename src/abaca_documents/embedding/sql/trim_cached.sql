-- Drop what was kept before the newest so many writes. Parameters: how many. Answers rows: hash.
DELETE FROM cached_vectors WHERE id <= (SELECT MAX(id) FROM cached_vectors) - ? RETURNING hash
