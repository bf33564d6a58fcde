-- Stores what a job asks of its parents.
-- :after, :id  JSON text, 16 bytes
-- Answers nothing.
INSERT INTO asked (child, after)
SELECT n, :after FROM jobs WHERE id = :id
ON CONFLICT (child) DO UPDATE SET after = excluded.after;
