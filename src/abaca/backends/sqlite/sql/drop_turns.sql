-- Forgets the time of the turns of a queue and priority.
-- :queue, :priority
-- Answers nothing.
DELETE FROM turns WHERE queue = :queue AND priority = :priority;
