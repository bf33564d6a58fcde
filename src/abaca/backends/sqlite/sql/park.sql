-- Sets a WAITING job aside until a bucket lets it start.
-- :bucket, :n  the caller judged the job in the same transaction
-- Answers nothing.
UPDATE jobs SET blocked = :bucket WHERE n = :n AND state = 0;
