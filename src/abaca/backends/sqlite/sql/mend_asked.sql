-- Removes what nobody asks of parents.
-- :n  the job
-- Answers nothing.
DELETE FROM asked WHERE child = :n;
