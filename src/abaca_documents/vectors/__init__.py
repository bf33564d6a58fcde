"""Chunks with their vectors and words. The default store is SQLite with sqlite-vec and FTS5, in the library file."""
