-- Softly deleted documents, the oldest deletion first. Parameters: the time before which, how many. Answers rows: data.
SELECT data FROM documents WHERE deleted_at IS NOT NULL AND deleted_at < ? ORDER BY deleted_at, id LIMIT ?
