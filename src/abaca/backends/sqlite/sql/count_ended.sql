-- Adds to the total of one ended state.
-- :state  2, 3 or 4
-- :jobs   how many more
-- Answers nothing.
UPDATE totals SET jobs = jobs + :jobs WHERE state = :state;
