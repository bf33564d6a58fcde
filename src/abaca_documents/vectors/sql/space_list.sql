-- All spaces. Answers rows: collection, number.
SELECT collection, number FROM vector_spaces ORDER BY collection, number
