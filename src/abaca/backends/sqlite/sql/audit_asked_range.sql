-- The lowest and highest job that asks something of parents, for an audit in pieces. No parameters.
-- Answers (lowest, highest), null when there are none.
SELECT min(child), max(child) FROM asked;
