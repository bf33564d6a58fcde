-- Write a document over the one that is there. Parameters: the columns in their order.
INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    status = excluded.status, filename = excluded.filename, source_id = excluded.source_id,
    content_hash = excluded.content_hash, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at,
    chunk_count = excluded.chunk_count, file_size = excluded.file_size, in_index = excluded.in_index,
    generation = excluded.generation, metadata = excluded.metadata, data = excluded.data
