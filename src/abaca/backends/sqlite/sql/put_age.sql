-- Sets how many claims a queue has had while it aged.
-- :queue, :claims
-- Answers nothing.
INSERT INTO ages (queue, claims) VALUES (:queue, :claims) ON CONFLICT (queue) DO UPDATE SET claims = excluded.claims;
