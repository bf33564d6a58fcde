-- Whether any job is parked under a bucket. No parameters.
-- Answers (1), or no row.
SELECT 1 FROM jobs WHERE blocked > '' LIMIT 1;
