-- The time of the turns of a queue and priority.
-- :queue, :priority
-- Answers (time), or no row.
SELECT time FROM turns WHERE queue = :queue AND priority = :priority;
