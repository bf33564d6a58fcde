-- A bucket is exhausted again: claims let nobody back any more for a change of its settings.
-- :bucket, :refill_at  the instant by which such a bucket is known
-- Answers nothing.
UPDATE rates SET refill_at = NULL WHERE bucket = :bucket AND refill_at = :refill_at;
