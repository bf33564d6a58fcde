"""The store on Redis 7 or later, or Valkey. See ``store.py``; the keys are listed in ``keys.py``."""

from abaca.backends.redis.store import RedisBackend, from_url

__all__ = ["RedisBackend", "from_url"]
