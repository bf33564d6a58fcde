-- Lets go of a key that a job holds for a period.
-- :key, :holder  the holder as 16 bytes
-- Answers nothing.
DELETE FROM periods WHERE key = :key AND holder = :holder;
