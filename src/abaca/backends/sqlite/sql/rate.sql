-- When a bucket with a rate will be full again.
-- :bucket
-- Answers (full_at), or no row.
SELECT full_at FROM rates WHERE bucket = :bucket;
