"""The frames between a sandbox and the processes of its slots: a JSON head, then bytes whose lengths the head has."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from typing import Any

PREFIX = struct.Struct("!IQ")
MAX_HEAD = 4 << 20
MAX_BODY = 1 << 30

Head = dict[str, Any]


class BrokenFrame(Exception):
    """The other side does not speak this protocol; the connection is of no use any more."""


def pack(head: Head, blobs: Sequence[bytes] = ()) -> list[bytes]:
    """The parts of one frame, to be written one after the other."""
    text = json.dumps({**head, "blobs": [len(blob) for blob in blobs]}).encode()
    return [PREFIX.pack(len(text), sum(map(len, blobs))) + text, *blobs]


def sizes(prefix: bytes) -> tuple[int, int]:
    """Lengths of head and body. Raises `BrokenFrame` for lengths that nobody would send."""
    head, body = PREFIX.unpack(prefix)
    if head > MAX_HEAD or body > MAX_BODY:
        raise BrokenFrame(f"a frame of {head} + {body} bytes was announced")
    return head, body


def unpack(head: bytes, body: bytes) -> tuple[Head, list[bytes]]:
    """The head and the bytes behind it. Raises `BrokenFrame` where they do not fit each other."""
    try:
        parsed = json.loads(head)
        lengths: Iterable[int] = parsed.pop("blobs")
    except (ValueError, KeyError, AttributeError) as error:
        raise BrokenFrame(f"the head of a frame cannot be read: {error}") from None
    blobs, at = [], 0
    for length in lengths:
        blobs.append(body[at : at + length])
        at += length
    if at != len(body):
        raise BrokenFrame(f"a frame has {len(body)} bytes behind its head, which speaks of {at}")
    return parsed, blobs
