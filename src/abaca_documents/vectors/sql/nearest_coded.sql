-- The nearest of those chunks whose codes are nearest. Parameters: packed vector, those of the filter, code, how many
-- vectors are compared, how many are answered. The rest is that of `nearest`.
SELECT id, vec_distance_cosine(embedding, ?) AS distance FROM vectors_{space} WHERE id IN (
    SELECT id FROM codes_{space} {where} ORDER BY vec_distance_hamming(vec_bit(code), vec_bit(?)) LIMIT ?
)
ORDER BY distance NULLS LAST LIMIT ?
