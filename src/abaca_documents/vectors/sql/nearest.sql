-- The nearest chunks; every vector is compared. Parameters: packed vector, those of the filter, how many. `{space}` is
-- the space's id, `{metric}` sqlite-vec's word, `{where}` limits the chunks, or is nothing. Answers rows: id of the
-- chunk, distance. A vector of nothing has no direction; its distance is NULL, and comes last.
SELECT id, vec_distance_{metric}(embedding, ?) AS distance FROM vectors_{space} {where}
ORDER BY distance NULLS LAST LIMIT ?
