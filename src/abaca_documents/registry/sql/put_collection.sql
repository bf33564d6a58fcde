-- Write a collection over the one that is there; cached answers of it are over. Parameters: name, data.
INSERT INTO collections (name, data) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET data = excluded.data, changes = changes + 1
