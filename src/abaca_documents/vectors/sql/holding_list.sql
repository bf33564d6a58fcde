-- The generations of a document. Parameters: space, document. Answers rows: id, generation.
SELECT id, generation FROM vector_holdings WHERE space = ? AND document = ?
