-- The nearest chunks. Parameters: packed vector, how many, then those of the filter. `{space}` is the space's id,
-- `{where}` limits the chunks, or is nothing. Answers rows: id of the chunk, distance.
SELECT rowid, distance FROM vectors_{space} WHERE embedding MATCH ? AND k = ? {where} ORDER BY distance
