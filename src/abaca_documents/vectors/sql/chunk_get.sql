-- A chunk with what it belongs to. Parameters: id. Answers one row or none.
SELECT h.document, h.generation, h.metadata, c.position, c.text, c.hash, c.place, c.is_parent
FROM vector_chunks AS c JOIN vector_holdings AS h ON h.id = c.holding WHERE c.id = ?
