-- Documents and collections. The columns beside `data` repeat what it says, for lists, counts and filters; one function
-- writes both, and the indices are SQLite's own; each ends in the order of lists, or SQLite reads
-- a whole collection in order rather than sort what it found. Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    status TEXT NOT NULL,
    filename TEXT NOT NULL,
    source_id TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    chunk_count INTEGER NOT NULL,
    file_size INTEGER NOT NULL,
    in_index INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS documents_newest ON documents (created_at DESC, id);
CREATE INDEX IF NOT EXISTS documents_of ON documents (collection, created_at DESC, id);
CREATE INDEX IF NOT EXISTS documents_counted ON documents (collection, status, chunk_count, file_size);
CREATE INDEX IF NOT EXISTS documents_by_name ON documents (collection, filename, created_at DESC, id);
CREATE INDEX IF NOT EXISTS documents_by_source ON documents (collection, source_id, created_at DESC, id);
CREATE INDEX IF NOT EXISTS documents_by_hash ON documents (collection, content_hash, created_at DESC, id);
CREATE INDEX IF NOT EXISTS documents_deleted ON documents (deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS collections (
    name TEXT PRIMARY KEY,
    data TEXT NOT NULL,
    changes INTEGER NOT NULL DEFAULT 1
) STRICT;
