-- Takes a permit away from its holder.
-- :bucket, :holder  the holder as 16 bytes
-- Answers nothing.
DELETE FROM permits WHERE bucket = :bucket AND holder = :holder;
