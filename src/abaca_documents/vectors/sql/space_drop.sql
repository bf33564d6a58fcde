-- Forget a space. Parameters: id.
DELETE FROM vector_spaces WHERE id = ?
