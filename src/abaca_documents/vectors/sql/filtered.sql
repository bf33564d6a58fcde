-- The chunks that a filter lets through. Parameters: space, then those of the filter. `{condition}` is the filter.
AND rowid IN (
    SELECT c.id FROM vector_holdings AS h JOIN vector_chunks AS c ON c.holding = h.id
    WHERE h.space = ? AND c.is_parent = 0 AND {condition}
)
