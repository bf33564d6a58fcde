-- Forgets what was counted of the claims of a queue.
-- :queue
-- Answers nothing.
DELETE FROM paces WHERE queue = :queue;
