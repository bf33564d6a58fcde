-- The best chunks by words. Parameters: FTS5 query, those of the filter, how many. `{space}` is the space's id, `{where}`
-- limits the chunks, or is nothing. Answers rows: id of the chunk, BM25 (higher is better). Headings count half.
SELECT rowid, -bm25(words_{space}, 1.0, 0.5) AS score FROM words_{space} WHERE words_{space} MATCH ? {where}
ORDER BY bm25(words_{space}, 1.0, 0.5) LIMIT ?
