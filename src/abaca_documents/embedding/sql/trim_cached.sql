-- Drop what was kept before the newest so many writes. Parameters: how many.
DELETE FROM cached_vectors WHERE id <= (SELECT MAX(id) FROM cached_vectors) - ?
