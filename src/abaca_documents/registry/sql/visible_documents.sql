-- What a search may see. Parameters: a JSON list of ids. Answers rows: id, generation.
SELECT d.id, d.generation FROM json_each(?) AS wanted JOIN documents AS d ON d.id = wanted.value
WHERE d.generation > 0 AND d.status <> 'deleted'
