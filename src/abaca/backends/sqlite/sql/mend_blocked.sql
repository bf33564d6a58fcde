-- Lets go of a job that is said to be held back and does not wait.
-- :n
-- Answers nothing.
UPDATE jobs SET blocked = NULL WHERE n = :n AND state <> 0;
