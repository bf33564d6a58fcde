-- Stores new jobs that are WAITING. A known id or a key whose holder is live stores nothing.
-- :jobs  JSON array of [id in hexadecimal, queue, priority, lane, due_at, task, args as text or null,
--        args in hexadecimal or null, key or null, options or null, own lease in ms or null]
-- :now   the instant of the insert
-- Answers nothing.
INSERT INTO jobs (id, queue, priority, lane, due_at, task, args, key, options, own_lease_ms, created_at)
SELECT
    unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
    coalesce(value ->> 6, unhex(value ->> 7)), value ->> 8, value ->> 9, value ->> 10, :now
FROM json_each(:jobs)
WHERE true
ON CONFLICT DO NOTHING;
