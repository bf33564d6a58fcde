"""Abaca: typed, durable background jobs on SQLite or Redis."""

__version__ = "0.1.0.dev0"
