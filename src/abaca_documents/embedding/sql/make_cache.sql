-- Vectors by embedder and hash of the text, and the documents that have such a text. `id` rises with every write, so the
-- lowest ones are the oldest.
CREATE TABLE IF NOT EXISTS cached_vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    embedder TEXT NOT NULL,
    hash BLOB NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (embedder, hash)
) STRICT;
CREATE INDEX IF NOT EXISTS cached_vectors_by_hash ON cached_vectors (hash);
CREATE TABLE IF NOT EXISTS cached_owners (
    owner TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (owner, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cached_owners_by_hash ON cached_owners (hash);
