"""JSON of user values: what msgspec knows, and pydantic models, paths and subclasses of the plain types beside it.

Above ``COMPRESS_ABOVE`` bytes the JSON is stored as a zstd frame where that is smaller. JSON text never begins with
the frame's magic number, nor with the mark of a reference to another place, so the bytes tell which of the three they
are.
"""

from __future__ import annotations

import math
import sys
import threading
from pathlib import PurePath
from typing import Any

import msgspec
import zstandard

DEFAULT_MAX_PAYLOAD = 1_000_000
"""How many bytes of JSON the arguments or the result of one job may take, unless the app says otherwise."""
COMPRESS_ABOVE = 4096
MAX_UNPACKED = 64 << 20
"""How many bytes of JSON one payload may become, wherever it is kept."""
REFERENCE_MARK = b"@"
_MAGIC = b"\x28\xb5\x2f\xfd"
_NOT_JSON = (_MAGIC, REFERENCE_MARK)

_local = threading.local()  # a compressor serves one thread at a time


class DamagedPayload(ValueError):
    """The bytes are no JSON and no frame that this module writes."""


def to_plain(value: Any) -> Any:
    """The JSON form of a value that msgspec does not know. Raises ``TypeError`` where there is none."""
    pydantic = sys.modules.get("pydantic")  # a pydantic model can exist only where pydantic was imported
    if pydantic is not None and isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    for plain in (str, int, float):
        if isinstance(value, plain):
            return plain(value)
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"a value of type {type_name(type(value))} cannot be stored as JSON")


def from_plain(wanted: Any, value: Any) -> Any:
    """The value of a declared type that msgspec does not know. Raises ``TypeError`` or ``ValueError``."""
    if isinstance(value, wanted):
        return value
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and issubclass(wanted, pydantic.BaseModel):
        return wanted.model_validate(value)
    if issubclass(wanted, PurePath | str | int | float):
        return wanted(value)
    raise TypeError(f"a value of type {type_name(wanted)} cannot be read from JSON")


encode_json = msgspec.json.Encoder(enc_hook=to_plain).encode


def json_decoder(type: Any) -> msgspec.json.Decoder[Any]:
    """A decoder for a declared type. Raises ``TypeError`` when the type can have no JSON form."""
    return msgspec.json.Decoder(type, dec_hook=from_plain)


def type_name(type: Any) -> str:
    module = getattr(type, "__module__", "?")
    name = getattr(type, "__qualname__", None) or repr(type)
    return name if module == "builtins" else f"{module}.{name}"


def holds_non_finite(value: Any) -> bool:
    """Whether NaN or an infinity is somewhere inside. JSON has neither, and the encoder would write ``null``."""
    plain = msgspec.to_builtins(value, enc_hook=to_plain)
    pending = [plain]
    while pending:
        match pending.pop():
            case float() as number if not math.isfinite(number):
                return True
            case dict() as mapping:
                pending.extend(mapping.keys())
                pending.extend(mapping.values())
            case list() | tuple() as items:
                pending.extend(items)
            case _:
                pass
    return False


def pack(data: bytes) -> bytes:
    """The bytes to store: compressed where the JSON is long and that makes it shorter."""
    if len(data) <= COMPRESS_ABOVE:
        return data
    compressor = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=3)
    packed: bytes = compressor.compress(data)
    return packed if len(packed) < len(data) else data


def unpack(data: bytes) -> bytes:
    """The JSON text of stored bytes. Raises ``DamagedPayload``, also for a frame that would grow beyond reason."""
    if not data.startswith(_NOT_JSON):
        return data
    if data.startswith(REFERENCE_MARK):
        raise DamagedPayload("it is kept in another place and was not fetched")
    unpacked_size(data)
    try:
        return zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise DamagedPayload(f"a compressed payload cannot be read: {error}") from error


def is_packed(data: bytes) -> bool:
    return data.startswith(_MAGIC)


def unpacked_size(data: bytes) -> int:
    """How many bytes of JSON stored bytes say that they become. Raises ``DamagedPayload``, also beyond the limit."""
    if not is_packed(data):
        return len(data)
    try:
        size: int = zstandard.frame_content_size(data)
    except zstandard.ZstdError as error:
        raise DamagedPayload(f"a compressed payload cannot be read: {error}") from error
    if not 0 <= size <= MAX_UNPACKED:
        raise DamagedPayload(f"a compressed payload of {size} bytes is above the limit of {MAX_UNPACKED}")
    return size
