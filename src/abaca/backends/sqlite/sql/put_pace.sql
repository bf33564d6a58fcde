-- Sets what is counted of the claims of a queue.
-- :queue, :slice, :claims, :busy_us, :claims_before, :busy_us_before, :last_at
-- Answers nothing.
INSERT OR REPLACE INTO paces (queue, slice, claims, busy_us, claims_before, busy_us_before, last_at)
VALUES (:queue, :slice, :claims, :busy_us, :claims_before, :busy_us_before, :last_at);
