-- A document has a text of this hash. Parameters: document, hash.
INSERT OR IGNORE INTO cached_owners (owner, hash) VALUES (?, ?)
