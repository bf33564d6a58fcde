-- The vectors of a space go. `{space}` is its id.
DROP TABLE IF EXISTS vectors_{space}
