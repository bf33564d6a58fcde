-- The cards of live workers.
-- :since  the instant since which they must have been seen
-- Answers (seen_at, card as JSON text), by worker.
SELECT seen_at, card FROM cards WHERE seen_at >= :since ORDER BY worker;
