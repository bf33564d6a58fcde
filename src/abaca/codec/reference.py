"""References: what stands in a record for bytes that are kept in another place.

A reference is ``@`` and a JSON array. JSON text never begins with ``@``, so a stored payload tells which it is. It
names no place: where bytes are kept is known to who reads them, so that a record cannot send a reader anywhere else.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.codec.payload import MAX_UNPACKED, REFERENCE_MARK, DamagedPayload, unpacked_size
from abaca.model import Value

_Hex16 = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
_Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
_Size = Annotated[int, Meta(ge=1, le=MAX_UNPACKED)]
_ID = re.compile(r"[0-9a-f]{32}")


class NotHere(LookupError):
    """Bytes that a reference stands for are missing or are not what was put there."""


class Reference(Value, frozen=True, array_like=True, forbid_unknown_fields=True):
    """``space`` is the store's own part of the place. ``token`` differs for each time that something is put, so that no
    run can write over what another has put. ``size`` counts the bytes as they are kept, ``length`` those of the JSON.
    """

    space: _Hex16
    id: _Hex32
    epoch: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    token: _Hex16
    size: _Size
    length: _Size
    digest: _Hex32

    @property
    def name(self) -> str:
        return f"{self.id}-{self.epoch}-{self.token}"

    def written(self) -> bytes:
        """The bytes for the record."""
        return REFERENCE_MARK + _encode(self)

    def checked(self, data: bytes) -> bytes:
        """The same bytes. Raises ``NotHere`` when they are not those that were put there."""
        if len(data) != self.size:
            raise NotHere(f"{len(data):,} bytes of {self.size:,} are there")
        if digest(data) != self.digest:
            raise NotHere("the checksum of its bytes is wrong")
        try:
            if data.startswith(REFERENCE_MARK) or unpacked_size(data) != self.length:
                raise NotHere("it is not what its reference says")
        except DamagedPayload as error:
            raise NotHere(str(error)) from error
        return data


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Reference).decode


def can_be_named(id: str) -> bool:
    """Whether bytes of this job may be kept elsewhere: a name is made of its id."""
    return _ID.fullmatch(id) is not None


def is_reference(data: bytes | None) -> bool:
    return data is not None and data.startswith(REFERENCE_MARK)


def reference_to(data: bytes, *, space: str, id: str, epoch: int, token: str) -> Reference:
    return Reference(
        space=space, id=id, epoch=epoch, token=token, size=len(data), length=unpacked_size(data), digest=digest(data)
    )


def read_reference(data: bytes) -> Reference:
    """Raises ``NotHere`` for one that cannot be read."""
    try:
        return _decode(data[len(REFERENCE_MARK) :])
    except (msgspec.MsgspecError, ValueError) as error:
        raise NotHere(f"its reference cannot be read: {error}") from error


def digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
