-- What is counted of the claims of a queue that can be full.
-- :queue
-- Answers (slice, claims, busy_us, claims_before, busy_us_before, last_at), or no row.
SELECT slice, claims, busy_us, claims_before, busy_us_before, last_at FROM paces WHERE queue = :queue;
