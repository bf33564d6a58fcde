-- Every vector of a space, for the metric that sqlite-vec does not know. Answers rows: id of the chunk, packed vector.
SELECT id, embedding FROM vectors_{space}
