-- Removes the large arguments that nobody needs.
-- :n  the job
-- Answers nothing.
DELETE FROM bodies WHERE job = :n;
