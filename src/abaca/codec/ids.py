"""Ids of jobs."""

from __future__ import annotations

from uuid_utils import uuid7

_LAST_BYTE = tuple(f"{number:02x}" for number in range(256))


def new_id(partition: int = 0) -> str:
    """A UUIDv7 as 32 hexadecimal digits, later ones greater within a process; the last byte is the partition."""
    return uuid7().hex[:30] + _LAST_BYTE[partition]
