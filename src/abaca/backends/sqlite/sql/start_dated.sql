-- Takes jobs out of the line of deadlines for good, because they are about to be claimed.
-- :jobs  JSON array of their n
-- Answers nothing.
UPDATE jobs SET deadline_at = NULL WHERE n IN (SELECT value FROM json_each(:jobs)) AND deadline_at IS NOT NULL;
