-- How many claims a queue has had while it aged.
-- :queue
-- Answers (claims), or no row.
SELECT claims FROM ages WHERE queue = :queue;
