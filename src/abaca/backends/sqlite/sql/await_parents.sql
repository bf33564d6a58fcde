-- Writes how many parents a WAITING job waits for and how many ended otherwise than it asks for. With open parents it
-- leaves its line, or the bucket under which it was parked.
-- :id, :open, :unmet  16 bytes; the caller counted in the same transaction
-- Answers nothing.
UPDATE jobs
SET open_parents = :open, unmet = :unmet, blocked = iif(:open, '', nullif(blocked, ''))
WHERE id = :id AND state = 0;
