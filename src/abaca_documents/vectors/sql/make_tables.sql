-- Spaces (one index of a collection each), what they hold by document and generation, and the chunks of it. The vectors
-- and the words of a space lie in virtual tables of its own, `vectors_<id>` and `words_<id>`, so dropping a space drops
-- them whole, and the statistics of a keyword search are those of its collection. `vector_swept` remembers which spaces
-- lost words.
CREATE TABLE IF NOT EXISTS vector_spaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    number INTEGER NOT NULL,
    dimension INTEGER NOT NULL,
    metric TEXT NOT NULL,
    UNIQUE (collection, number)
) STRICT;
CREATE TABLE IF NOT EXISTS vector_swept (
    space INTEGER PRIMARY KEY,
    is_swept INTEGER NOT NULL,
    tidied_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS vector_holdings (
    id INTEGER PRIMARY KEY,
    space INTEGER NOT NULL,
    document TEXT NOT NULL,
    generation INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    UNIQUE (space, document, generation)
) STRICT;
CREATE TABLE IF NOT EXISTS vector_chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    holding INTEGER NOT NULL,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    headings TEXT NOT NULL,
    hash TEXT NOT NULL,
    page INTEGER NOT NULL,
    place BLOB NOT NULL,
    is_parent INTEGER NOT NULL,
    UNIQUE (holding, position)
) STRICT;
