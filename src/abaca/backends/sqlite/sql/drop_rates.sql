-- Forgets buckets that are full again, which is what an unknown bucket is.
-- :now
-- Answers nothing.
DELETE FROM rates WHERE full_at <= :now AND refill_at IS NULL;
