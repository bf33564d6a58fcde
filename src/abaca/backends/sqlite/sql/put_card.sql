-- Replaces a worker's card.
-- :worker, :now, :card  its id, the instant of the beat, the card as JSON text
-- Answers nothing.
INSERT INTO cards (worker, seen_at, card)
VALUES (:worker, :now, :card)
ON CONFLICT (worker) DO UPDATE SET seen_at = excluded.seen_at, card = excluded.card;
