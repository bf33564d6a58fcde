-- Ended jobs since the store was made. No parameters.
-- Answers (state, jobs).
SELECT state, jobs FROM totals ORDER BY state;
