-- Writes how far the logs of RUNNING jobs have come, and their progress where it is new.
-- :jobs  JSON array of [id in hexadecimal, seq, next_entry, trimmed, progress as text or null, progress in
--        hexadecimal or null]
-- Answers nothing.
UPDATE jobs
SET
    seq = said.seq, next_entry = said.next_entry, trimmed = said.trimmed,
    progress = coalesce(said.progress, jobs.progress)
FROM (
    SELECT
        unhex(value ->> 0) AS id, value ->> 1 AS seq, value ->> 2 AS next_entry, value ->> 3 AS trimmed,
        coalesce(value ->> 4, unhex(value ->> 5)) AS progress
    FROM json_each(:jobs)
) AS said
WHERE jobs.id = said.id;
