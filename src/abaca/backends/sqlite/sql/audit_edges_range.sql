-- The lowest and highest parent of the edges, for an audit in pieces. No parameters.
-- Answers (lowest, highest), null when there are none.
SELECT min(parent), max(parent) FROM edges;
