-- Adds to the count of what audits had to repair.
-- :jobs  how many more
-- Answers nothing.
INSERT INTO totals (state, jobs) VALUES (0, :jobs) ON CONFLICT (state) DO UPDATE SET jobs = jobs + excluded.jobs;
