-- How many pages the index of words has. `{space}` is the space's id.
SELECT COUNT(*) FROM words_{space}_idx
