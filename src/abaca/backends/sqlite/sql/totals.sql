-- Ended jobs since the store was made, and under state 0 what audits repaired. No parameters.
-- Answers (state, jobs).
SELECT state, jobs FROM totals ORDER BY state;
