-- Chunks by document and generation. Parameters: space. Answers rows: document, generation, chunks.
SELECT h.document, h.generation, COUNT(c.id)
FROM vector_holdings AS h JOIN vector_chunks AS c ON c.holding = h.id
WHERE h.space = ? GROUP BY h.id
