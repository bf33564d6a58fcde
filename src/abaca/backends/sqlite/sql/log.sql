-- Adds log entries.
-- :entries  JSON array of [id in hexadecimal, entry, kind, attempt, data as text or null, data in hexadecimal or null]
-- :now      the instant of the entries
-- Answers nothing.
INSERT INTO log (job, entry, kind, at, attempt, data)
SELECT
    unhex(value ->> 0), value ->> 1, value ->> 2, :now, value ->> 3, coalesce(value ->> 4, unhex(value ->> 5))
FROM json_each(:entries);
