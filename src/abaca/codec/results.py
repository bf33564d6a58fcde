"""Results, typed by what the handler declares to return."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

import msgspec

from abaca.codec.exact import loss, may_lose
from abaca.codec.payload import (
    COMPRESS_ABOVE,
    DEFAULT_MAX_PAYLOAD,
    DamagedPayload,
    encode_json,
    holds_non_finite,
    json_decoder,
    pack,
    type_name,
    unpack,
)
from abaca.errors import PayloadTooLarge, ResultError
from abaca.text import error_text

R = TypeVar("R")
NOT_RETRIED = "; the job fails and is not retried"


class ResultCodec(Generic[R]):
    """Encodes and decodes one type. ``what`` names the task or job in messages, ``noun`` what the value is of it.

    Raises ``TypeError`` when the type can have no JSON form.
    """

    __slots__ = ("_decode", "_doubtful", "_name", "_noun", "_what", "holds_bytes", "limit")

    def __init__(self, type: Any, *, what: str, limit: int = DEFAULT_MAX_PAYLOAD, noun: str = "result") -> None:
        self._decode = json_decoder(type).decode
        self._doubtful = may_lose(type)
        self.holds_bytes = type is bytes
        self._name = type_name(type)
        self._what = what
        self._noun = noun
        self.limit = limit

    def encode(self, value: R) -> bytes:
        """Bytes to store. Raises ``ResultError`` when the value has no JSON form, is not of the declared type or would
        come back as another, ``PayloadTooLarge`` when it is above the limit."""
        data = self.encode_text(value)
        return pack(data) if len(data) > COMPRESS_ABOVE else data

    def encode_text(self, value: R) -> bytes:
        """The same as plain JSON text, however long."""
        try:
            data = encode_json(value)
            if b"null" in data and holds_non_finite(value):
                raise ResultError(
                    f"{self._what}: the {self._noun} holds NaN or an infinity, which JSON cannot store{NOT_RETRIED}; "
                    "return None instead"
                )
            back = self._decode(data)
            if self._doubtful and (fault := loss(value, back)) is not None:
                raise ResultError(f"{self._what}: the {self._noun} would not arrive as it is: {fault}{NOT_RETRIED}")
        except ResultError:
            raise
        except Exception as error:
            raise ResultError(
                f"{self._what}: the {self._noun} cannot be stored as {self._name}: {error_text(error)}{NOT_RETRIED}"
            ) from error
        if len(data) > self.limit:
            raise PayloadTooLarge(
                f"{self._what}: the {self._noun} takes {len(data):,} bytes as JSON and the limit is {self.limit:,}"
                f"{NOT_RETRIED}; return a reference to it, or raise max_payload"
            )
        return data

    def decode(self, data: bytes) -> R:
        """The value. Raises ``ResultError`` when the stored result is not of the declared type."""
        try:
            return cast("R", self._decode(unpack(data)))
        except (msgspec.MsgspecError, DamagedPayload, TypeError, ValueError, RecursionError) as error:
            raise ResultError(
                f"{self._what}: the stored {self._noun} cannot be read as {self._name}: {error_text(error)}"
            ) from error
