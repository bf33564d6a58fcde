-- When the first bucket with a rate under which jobs are parked lets one start. No parameters.
-- Answers (refill_at), or no row.
SELECT refill_at FROM rates WHERE refill_at IS NOT NULL ORDER BY refill_at LIMIT 1;
