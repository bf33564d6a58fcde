-- Forgets the passes in a queue and priority that are not above a time.
-- :queue, :priority, :time
-- Answers nothing.
DELETE FROM passes WHERE queue = :queue AND priority = :priority AND pass <= :time;
