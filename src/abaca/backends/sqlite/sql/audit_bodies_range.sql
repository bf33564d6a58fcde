-- The lowest and highest job of the large arguments, for an audit in pieces. No parameters.
-- Answers (lowest, highest), null when there are none.
SELECT min(job), max(job) FROM bodies;
