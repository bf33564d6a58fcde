-- Marks the jobs from which edges lead to a job.
-- :id  16 bytes
-- Answers nothing.
UPDATE jobs
SET parental = 1
WHERE n IN (SELECT parent FROM edges WHERE child = (SELECT n FROM jobs WHERE id = :id)) AND NOT parental;
