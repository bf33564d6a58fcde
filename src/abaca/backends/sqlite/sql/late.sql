-- How many jobs of each queue were first claimed after their deadline. No parameters.
-- Answers (queue, jobs), by queue.
SELECT queue, jobs FROM late ORDER BY queue;
