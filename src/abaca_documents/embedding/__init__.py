"""Text to vectors: a sentence model and a static one that run here, and any service that speaks OpenAI's embeddings."""
