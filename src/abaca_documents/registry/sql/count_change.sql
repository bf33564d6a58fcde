-- What searches of a collection see has changed. Parameters: name.
UPDATE collections SET changes = changes + 1 WHERE name = ?
