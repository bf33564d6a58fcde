-- All collections by name. Answers rows: data.
SELECT data FROM collections ORDER BY name
