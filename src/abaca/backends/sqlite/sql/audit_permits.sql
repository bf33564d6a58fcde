-- Permits whose holder does not run. No parameters.
-- Answers (bucket, holder as 16 bytes).
SELECT bucket, holder
FROM permits
WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = holder AND state = 1)
ORDER BY bucket, holder;
