"""Stored payloads as they are shown: the JSON they are, with the arguments masked that nobody is to see."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from abaca.codec import NotHere, is_reference, read_reference, unpack

MASK = "***"
_decode_arguments = msgspec.json.Decoder(dict[str, Any]).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def as_json(data: bytes | None) -> Any:
    """Stored JSON, to be put into an answer unchanged; a payload that cannot be read or is not here says so."""
    if data is None:
        return None
    try:
        if is_reference(data):
            return payload_elsewhere(data)
        text = unpack(data)
        msgspec.json.decode(text)
        return msgspec.Raw(text)
    except (ValueError, RecursionError, NotHere, msgspec.MsgspecError) as error:
        return {"unreadable": str(error)}


def arguments_json(data: bytes, secret: Collection[str] = ()) -> Any:
    """Arguments as ``as_json`` shows them, with the values of the parameters ``secret`` replaced by ``***``."""
    if not secret or is_reference(data):
        return as_json(data)
    try:
        return masked(_decode_fields(unpack(data)), secret)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        return {"unreadable": str(error)}


def arguments_of(data: bytes) -> dict[str, Any]:
    """The arguments themselves. Raises ``ValueError`` for what cannot be read or is not here."""
    return _decode_arguments(unpack(data))


def masked(arguments: dict[str, Any], secret: Collection[str]) -> dict[str, Any]:
    return {name: MASK if name in secret else value for name, value in arguments.items()}


def payload_elsewhere(data: bytes) -> dict[str, Any]:
    """Where a payload is that is kept in another place."""
    reference = read_reference(data)
    return {"elsewhere": f"{reference.space}/{reference.name}", "bytes": reference.length}
