-- A document's generation, with the metadata that filters see. Parameters: space, document, generation, metadata.
-- Answers its id.
INSERT INTO vector_holdings (space, document, generation, metadata) VALUES (?, ?, ?, ?)
ON CONFLICT (space, document, generation) DO UPDATE SET metadata = excluded.metadata
RETURNING id
