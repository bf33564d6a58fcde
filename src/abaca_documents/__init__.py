"""Documents: ingestion that resumes, and search that finds. An application on Abaca."""
