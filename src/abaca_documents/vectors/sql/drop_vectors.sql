-- The vectors of a space go, with their codes. `{space}` is its id.
DROP TABLE IF EXISTS vectors_{space};
DROP TABLE IF EXISTS codes_{space};
