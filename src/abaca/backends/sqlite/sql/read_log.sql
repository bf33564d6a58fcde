-- A slice of a job's log.
-- :id, :after, :limit  16 bytes, the entry id to go on from, how many at most
-- Answers (entry, kind, at, attempt, data), ascending.
SELECT entry, kind, at, attempt, data FROM log WHERE job = :id AND entry > :after ORDER BY entry LIMIT :limit;
