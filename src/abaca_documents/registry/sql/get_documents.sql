-- Documents by id. Parameters: a JSON list of ids. Answers rows: data.
SELECT d.data FROM json_each(?) AS wanted JOIN documents AS d ON d.id = wanted.value
