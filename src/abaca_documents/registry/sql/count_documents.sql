-- Counts. Parameters: a collection or NULL for all, twice. Answers rows: collection, status, documents, chunks, bytes.
SELECT collection, status, count(*), sum(chunk_count), sum(file_size) FROM documents
WHERE ? IS NULL OR collection = ? GROUP BY collection, status
