-- Forget a document. Parameters: id. Answers a row if it was there.
DELETE FROM documents WHERE id = ? RETURNING 1
