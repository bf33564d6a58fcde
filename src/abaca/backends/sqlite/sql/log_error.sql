-- Adds the error that a settle has just written to the job's log, at the entry id that the settle took for it.
-- :id, :attempt, :data, :now  16 bytes, the attempts of the settle, the error as JSON text, the instant of the settle
-- Answers nothing.
INSERT INTO log (job, entry, kind, at, attempt, data)
SELECT id, next_entry - 1, 'error', :now, :attempt, :data FROM jobs WHERE id = :id;
