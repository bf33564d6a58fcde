"""The store in this process's memory. See ``store.py``."""

from abaca.backends.memory.store import MemoryBackend, from_url

__all__ = ["MemoryBackend", "from_url"]
