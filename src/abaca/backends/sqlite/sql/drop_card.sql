-- Removes a worker's card.
-- :worker  its id
-- Answers nothing.
DELETE FROM cards WHERE worker = :worker;
