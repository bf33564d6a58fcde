"""A large result in a folder beside the store, read piece by piece."""
