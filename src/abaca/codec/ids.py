"""Ids of jobs."""

from __future__ import annotations

from hashlib import blake2b

from uuid_utils import uuid7

_LAST_BYTE = tuple(f"{number:02x}" for number in range(256))


def seeded_id(seed: str, number: int) -> str:
    """The id of the ``number``-th job of a request that may be repeated. ``seed`` is itself such an id.

    It has the seed's time, so that it sorts as if it had been made then, and is otherwise a digest of both.
    """
    digest = blake2b(f"{seed}:{number}".encode(), digest_size=9).hexdigest()
    return f"{seed[:12]}7{digest[:3]}{8 + int(digest[3], 16) % 4:x}{digest[4:17]}{seed[30:]}"


def new_id(partition: int = 0) -> str:
    """A UUIDv7 as 32 hexadecimal digits, later ones greater within a process; the last byte is the partition."""
    return uuid7().hex[:30] + _LAST_BYTE[partition]
