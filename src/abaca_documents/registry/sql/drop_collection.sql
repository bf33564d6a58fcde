-- Forget a collection. Parameters: name.
DELETE FROM collections WHERE name = ?
