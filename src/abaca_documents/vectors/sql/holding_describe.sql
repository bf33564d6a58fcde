-- The metadata of a document's generation that filters see. Parameters: metadata, space, document, generation. Answers
-- one row or none: id.
UPDATE vector_holdings SET metadata = ? WHERE space = ? AND document = ? AND generation = ? RETURNING id
