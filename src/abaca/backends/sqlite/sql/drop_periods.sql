-- Forgets the keys whose period is over.
-- :now
-- Answers nothing.
DELETE FROM periods WHERE ends_at <= :now;
