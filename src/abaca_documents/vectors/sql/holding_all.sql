-- Every generation of a space. Parameters: space. Answers rows: id.
SELECT id FROM vector_holdings WHERE space = ?
