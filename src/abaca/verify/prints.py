"""Fingerprints of arguments and results: equal values give equal prints, whoever encoded them."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from abaca.codec import unpack

_encode = msgspec.json.Encoder(order="deterministic").encode


def print_of(value: Any) -> str:
    """16 hexadecimal digits of a value with a JSON form. Raises ``TypeError`` where it has none."""
    return hashlib.blake2b(_encode(value), digest_size=8).hexdigest()


def print_of_stored(data: bytes) -> str:
    """The same for arguments or a result as the store keeps them. Raises ``ValueError`` when they cannot be read."""
    return print_of(msgspec.json.decode(unpack(data)))
