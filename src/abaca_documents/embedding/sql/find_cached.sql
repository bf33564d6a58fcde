-- The vector of a text. Parameters: embedder, hash. Answers one row or none: vector.
SELECT vector FROM cached_vectors WHERE embedder = ? AND hash = ?
