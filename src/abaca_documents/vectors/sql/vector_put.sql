-- The vector of a chunk. Parameters: id of the chunk, packed vector. `{space}` is the space's id.
INSERT INTO vectors_{space} (id, embedding) VALUES (?, ?)
