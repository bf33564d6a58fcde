"""A store's own space in a place: several stores may share one place, and none takes away what is another's."""

from __future__ import annotations

import secrets

from abaca.backend import Backend
from abaca.errors import BackendError
from abaca.model import Record

PLACE = "place"
"""The kind of the records about places: the store's space, and what sweeps remember."""
_SPACE = "space"


async def space_of(backend: Backend) -> str | None:
    """The name of the store's space; ``None`` when nothing was ever put."""
    (record,) = await backend.read(PLACE, [_SPACE])
    return None if record is None or record.data is None else _read(record.data)


async def made_space(backend: Backend) -> str:
    """The name of the store's space, made at its first use: of two that come at once both get the same."""
    space = await space_of(backend)
    if space is None:
        await backend.put([Record(kind=PLACE, id=_SPACE, data=secrets.token_hex(8).encode())])
        space = await space_of(backend)
    if space is None:
        raise BackendError("the store did not keep the record that names its space in the place for results")
    return space


def _read(data: bytes) -> str:
    name = data.decode(errors="replace")
    if len(name) != 16 or not name.isascii() or not name.isalnum():
        raise BackendError("the record that names the store's space in the place for results is damaged")
    return name
