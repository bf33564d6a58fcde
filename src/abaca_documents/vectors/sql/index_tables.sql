-- The indices in Chroma of the spaces of this file. A name is given once, so what lies in Chroma under another one is
-- of nothing that is here.
CREATE TABLE IF NOT EXISTS vector_indices (
    space INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT
