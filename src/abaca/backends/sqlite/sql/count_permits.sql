-- How many RUNNING jobs hold a permit of a bucket.
-- :bucket
-- Answers (jobs).
SELECT count(*) FROM permits WHERE bucket = :bucket;
