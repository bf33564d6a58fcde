-- Forget a generation whose chunks are gone. Parameters: id.
DELETE FROM vector_holdings WHERE id = ?
