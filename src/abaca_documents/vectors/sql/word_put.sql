-- The words of a chunk. Parameters: id of the chunk, text, headings. `{space}` is the space's id.
INSERT INTO words_{space} (rowid, text, headings) VALUES (?, ?, ?)
