-- The chunks of a space that have a vector. Answers rows: id. `{space}` is the space's id.
SELECT id FROM vectors_{space}
