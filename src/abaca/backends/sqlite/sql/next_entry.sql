-- The next entry id of a job's log.
-- :id  16 bytes
-- Answers (next_entry), or no row.
SELECT next_entry FROM jobs WHERE id = :id;
