-- Stores the large arguments of a job whose row says that they are here. Arguments that are here already stay.
-- :args, :id  the arguments, 16 bytes
-- Answers nothing.
INSERT INTO bodies (job, args)
SELECT n, :args FROM jobs WHERE id = :id AND args IS NULL
ON CONFLICT DO NOTHING;
