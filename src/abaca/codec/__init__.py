"""Typed arguments, results and errors to bytes and back. JSON, never pickle."""

from abaca.codec.arguments import ArgumentCodec, encode_untyped
from abaca.codec.failures import describe_error
from abaca.codec.ids import new_id
from abaca.codec.payload import DEFAULT_MAX_PAYLOAD, unpack
from abaca.codec.results import ResultCodec

__all__ = [
    "DEFAULT_MAX_PAYLOAD",
    "ArgumentCodec",
    "ResultCodec",
    "describe_error",
    "encode_untyped",
    "new_id",
    "unpack",
]
