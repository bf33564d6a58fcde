-- Removes records that have expired.
-- :now
-- Answers nothing.
DELETE FROM records WHERE expires_at IS NOT NULL AND expires_at <= :now;
