-- The hashes of a document's texts. Parameters: document. Answers rows: hash.
SELECT hash FROM cached_owners WHERE owner = ?
