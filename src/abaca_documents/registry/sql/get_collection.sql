-- A collection. Parameters: name. Answers one row or none: data.
SELECT data FROM collections WHERE name = ?
