-- Gives a job a permit of a bucket.
-- :bucket, :holder  the holder as 16 bytes; the caller counted in the same transaction
-- Answers nothing.
INSERT INTO permits (bucket, holder) VALUES (:bucket, :holder) ON CONFLICT DO NOTHING;
