-- What the totals say and what a recount gives. No parameters.
-- Answers (state, total or null, what it should be) for each ended state.
SELECT kinds.state, totals.jobs, coalesce(totals.gone, 0) + coalesce(counted.jobs, 0)
FROM (SELECT 2 AS state UNION ALL SELECT 3 UNION ALL SELECT 4) AS kinds
LEFT JOIN totals USING (state)
LEFT JOIN (SELECT state, count(*) AS jobs FROM jobs WHERE state >= 2 GROUP BY state) AS counted USING (state);
