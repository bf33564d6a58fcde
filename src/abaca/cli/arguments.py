"""Arguments of a job as the command line takes them."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec

from abaca.errors import ConfigError


def read_arguments(text: str) -> dict[str, Any]:
    try:
        source = (sys.stdin.read() if text == "-" else text).encode()
        arguments = msgspec.json.decode(source, type=dict[str, Any])
        json.loads(source, object_pairs_hook=_once)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"ARGS: {error}; give a JSON object of the arguments by name, such as '{{\"n\": 3}}'"
        ) from error
    return arguments


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different. Raises ``ValueError``: JSON readers would drop one in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"the key {twice!r} is there twice")
    return found
