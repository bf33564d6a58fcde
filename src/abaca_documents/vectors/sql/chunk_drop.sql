-- Forget a chunk. Parameters: id.
DELETE FROM vector_chunks WHERE id = ?
