-- Drop the vectors of a text, whichever embedder made them. Parameters: hash.
DELETE FROM cached_vectors WHERE hash = ?
