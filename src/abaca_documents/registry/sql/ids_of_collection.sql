-- Documents of a collection that are not deleted. Parameters: collection, how many. Answers rows: id.
SELECT id FROM documents WHERE collection = ? AND status <> 'deleted' LIMIT ?
