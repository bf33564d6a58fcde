-- Marks a job as a parent.
-- :n
-- Answers nothing.
UPDATE jobs SET parental = 1 WHERE n = :n;
