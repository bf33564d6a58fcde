-- The vector of a chunk. Parameters: id of the chunk. Answers one row or none. `{space}` is the space's id.
SELECT embedding FROM vectors_{space} WHERE id = ?
