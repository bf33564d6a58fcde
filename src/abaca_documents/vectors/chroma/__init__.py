"""The vector store in Chroma, embedded or as a server. Chroma itself is loaded when it is used first."""
