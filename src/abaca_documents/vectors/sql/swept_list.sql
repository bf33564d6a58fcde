-- Spaces of which words were deleted since their index was written anew. Answers rows: space, seconds of the last time.
SELECT space, tidied_at FROM vector_swept WHERE is_swept AND space IN (SELECT id FROM vector_spaces)
