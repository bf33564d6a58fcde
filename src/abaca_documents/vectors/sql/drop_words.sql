-- The words of a space go. `{space}` is its id.
DROP TABLE IF EXISTS words_{space}
