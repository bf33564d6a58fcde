"""Abaca on SQLite. The variant is the setting ``synchronous``: ``normal`` or ``full``."""

from __future__ import annotations

from benchmarks.contenders import abaca_redis, protocol

if __name__ == "__main__":
    options = protocol.parse()
    abaca_redis.main(f"{options.url}?synchronous={options.variant}", options)
