-- The words of a space's chunks, by their stems. The texts themselves are in `vector_chunks`. `{space}` is its id.
CREATE VIRTUAL TABLE words_{space} USING fts5(
    text, headings, content='', contentless_delete=0, tokenize="porter unicode61 remove_diacritics 2"
)
