-- Keep a vector; one that is there becomes the newest. Parameters: embedder, hash, vector.
INSERT OR REPLACE INTO cached_vectors (embedder, hash, vector) VALUES (?, ?, ?)
