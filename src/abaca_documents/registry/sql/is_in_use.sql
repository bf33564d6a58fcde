-- Whether a collection has any document, also a deleted one. Parameters: collection. Answers a row if it has.
SELECT 1 FROM documents WHERE collection = ? LIMIT 1
