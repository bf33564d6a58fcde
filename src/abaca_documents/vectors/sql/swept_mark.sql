-- Words of a space were deleted. Parameters: space.
INSERT INTO vector_swept (space, is_swept, tidied_at) VALUES (?, 1, 0)
ON CONFLICT (space) DO UPDATE SET is_swept = 1
