-- Removes the cards of workers that were not seen for long.
-- :before  the instant before which they were last seen
-- Answers nothing.
DELETE FROM cards WHERE seen_at < :before;
