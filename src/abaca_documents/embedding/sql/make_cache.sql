-- Vectors by embedder and hash of the text. `id` rises with every write, so the lowest ones are the oldest.
CREATE TABLE IF NOT EXISTS cached_vectors (
    id INTEGER PRIMARY KEY,
    embedder TEXT NOT NULL,
    hash BLOB NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (embedder, hash)
) STRICT;
CREATE INDEX IF NOT EXISTS cached_vectors_by_hash ON cached_vectors (hash);
