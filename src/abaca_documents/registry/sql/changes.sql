-- The counts of changes. Parameters: a JSON list of names. Answers rows: name, changes.
SELECT c.name, c.changes FROM json_each(?) AS wanted JOIN collections AS c ON c.name = wanted.value
