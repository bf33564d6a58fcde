-- The chunk at a position, to be replaced. Parameters: holding, position. Answers one row or none.
SELECT id, text, headings, is_parent FROM vector_chunks WHERE holding = ? AND position = ?
