-- What a search may see. Parameters: a JSON list of ids. Answers rows: id, index, generation.
SELECT d.id, d.in_index, d.generation FROM json_each(?) AS wanted JOIN documents AS d ON d.id = wanted.value
WHERE d.generation > 0 AND d.status <> 'deleted'
