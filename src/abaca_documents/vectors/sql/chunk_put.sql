-- Store a chunk. Parameters: holding, position, text, headings, hash, page, place, is_parent. Answers its id.
INSERT INTO vector_chunks (holding, position, text, headings, hash, page, place, is_parent)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
