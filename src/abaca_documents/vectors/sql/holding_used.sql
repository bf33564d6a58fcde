-- Whether a generation has chunks already. Parameters: holding. Answers one row or none.
SELECT 1 FROM vector_chunks WHERE holding = ? LIMIT 1
