-- Every document with its columns, for a check of one against the other. Answers rows: the columns in their order.
SELECT * FROM documents
