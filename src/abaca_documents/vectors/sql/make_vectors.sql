-- The vectors of a space, and a code of each. `{space}` is its id.
CREATE TABLE vectors_{space} (id INTEGER PRIMARY KEY, embedding BLOB NOT NULL) STRICT;
CREATE TABLE codes_{space} (id INTEGER PRIMARY KEY, code BLOB NOT NULL) STRICT;
