-- Whether anybody holds a permit of any bucket. No parameters.
-- Answers (1), or no row.
SELECT 1 FROM permits LIMIT 1;
