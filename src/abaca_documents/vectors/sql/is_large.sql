-- Whether a space has more vectors than so many. Parameters: how many. Answers one row or none.
SELECT 1 FROM codes_{space} LIMIT 1 OFFSET ?
