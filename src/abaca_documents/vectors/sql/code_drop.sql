-- The code of a chunk's vector goes. Parameters: id of the chunk. `{space}` is the space's id.
DELETE FROM codes_{space} WHERE id = ?
