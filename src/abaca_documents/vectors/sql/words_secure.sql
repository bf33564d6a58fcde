-- Deleted words are taken out of the index at once instead of being marked. `{space}` is the space's id.
INSERT INTO words_{space} (words_{space}, rank) VALUES ('secure-delete', 1)
