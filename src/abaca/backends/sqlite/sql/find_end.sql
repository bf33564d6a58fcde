-- Where a search of :budget jobs ends.
-- :below, :budget  as in find.sql
-- Answers (id as 16 bytes) of the last job looked at, or no row when there are fewer.
SELECT id FROM jobs WHERE id < :below ORDER BY id DESC LIMIT 1 OFFSET :budget - 1;
