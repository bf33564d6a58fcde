-- Chunks of a generation in their order. Parameters: holding, the position after which to begin, how many.
SELECT id, position, text, hash, place, is_parent FROM vector_chunks
WHERE holding = ? AND position > ? ORDER BY position LIMIT ?
