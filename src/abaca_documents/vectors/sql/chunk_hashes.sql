-- What a generation has embedded. Parameters: holding. Answers rows: hash, position.
SELECT hash, MIN(position) FROM vector_chunks WHERE holding = ? AND is_parent = 0 GROUP BY hash
