-- One generation of a document. Parameters: space, document, generation. Answers one row or none: id, metadata.
SELECT id, metadata FROM vector_holdings WHERE space = ? AND document = ? AND generation = ?
