-- The code of a vector. Parameters: id of the chunk, code. `{space}` is the space's id.
INSERT INTO codes_{space} (id, code) VALUES (?, ?)
