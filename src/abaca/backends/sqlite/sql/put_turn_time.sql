-- Sets the time of the turns of a queue and priority.
-- :queue, :priority, :time
-- Answers nothing.
INSERT INTO turns (queue, priority, time)
VALUES (:queue, :priority, :time)
ON CONFLICT (queue, priority) DO UPDATE SET time = excluded.time;
