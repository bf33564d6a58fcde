-- Sets the total of one ended state.
-- :state, :jobs
-- Answers nothing.
INSERT INTO totals (state, jobs) VALUES (:state, :jobs) ON CONFLICT (state) DO UPDATE SET jobs = excluded.jobs;
