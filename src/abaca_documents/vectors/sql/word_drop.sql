-- The words of a chunk go. Parameters: id of the chunk, text, headings, as they were put. `{space}` is the space's id.
INSERT INTO words_{space} (words_{space}, rowid, text, headings) VALUES ('delete', ?, ?, ?)
