-- The vectors of some chunks, of those that are there. Parameters: ids as a JSON array. Answers rows: id, packed vector.
-- `{space}` is the space's id.
SELECT id, embedding FROM vectors_{space} WHERE id IN (SELECT value FROM json_each(?))
