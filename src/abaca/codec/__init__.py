"""Typed arguments, results and errors to bytes and back. JSON, never pickle."""

from abaca.codec.arguments import ArgumentCodec, encode_untyped
from abaca.codec.failures import describe_error
from abaca.codec.ids import new_id
from abaca.codec.payload import DEFAULT_MAX_PAYLOAD, MAX_UNPACKED, DamagedPayload, unpack, unpacked_size
from abaca.codec.reference import NotHere, Reference, can_be_named, is_reference, read_reference, reference_to
from abaca.codec.results import ResultCodec

__all__ = [
    "DEFAULT_MAX_PAYLOAD",
    "MAX_UNPACKED",
    "ArgumentCodec",
    "DamagedPayload",
    "NotHere",
    "Reference",
    "ResultCodec",
    "can_be_named",
    "describe_error",
    "encode_untyped",
    "is_reference",
    "new_id",
    "read_reference",
    "reference_to",
    "unpack",
    "unpacked_size",
]
