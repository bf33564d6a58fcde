-- The vector of a chunk goes. Parameters: id of the chunk. `{space}` is the space's id.
DELETE FROM vectors_{space} WHERE id = ?
