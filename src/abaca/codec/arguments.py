"""Arguments of one task: bound and checked against its signature when enqueued, and read back by the worker.

On the wire they are one JSON object by parameter name; ``*args`` is an array under its own name and ``**kwargs`` an
object under its own name. What the caller leaves out is left out, so the handler's own default applies when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, Signature
from types import SimpleNamespace
from typing import Any, Unpack, get_args, get_origin

import msgspec

from abaca.codec.exact import may_lose
from abaca.codec.payload import DEFAULT_MAX_PAYLOAD, json_decoder, unpack
from abaca.codec.writing import NOT_ENQUEUED, ArgumentWriter, place, reason
from abaca.errors import ArgumentError

KEPT = "; the job fails and keeps its arguments: requeue it once the handler takes them"

_Field = tuple[str, Any] | tuple[str, Any, Any]

_asdict = msgspec.structs.asdict
_any_object = json_decoder(dict[str, Any]).decode


class ArgumentCodec:
    """Built once per task. ``signature`` is what callers see, without ``ctx``; ``hints`` are its resolved types.

    Raises ``TypeError`` when a parameter's type can have no JSON form.
    """

    __slots__ = (
        "_decode",
        "_fields",
        "_limit",
        "_named",
        "_partial",
        "_plain",
        "_positional",
        "_required",
        "_signature",
        "_task",
        "_writer",
    )

    def __init__(
        self, task: str, signature: Signature, hints: Mapping[str, Any], *, limit: int = DEFAULT_MAX_PAYLOAD
    ) -> None:
        parameters = list(signature.parameters.values())
        kinds = {parameter.kind for parameter in parameters}
        self._task = task
        self._signature = signature
        self._plain = kinds <= {Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY}
        self._positional = tuple(p.name for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD)
        self._named = frozenset(
            p.name for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        )
        self._required = frozenset(p.name for p in parameters if _is_required(p))
        self._fields = [_field(parameter, hints.get(parameter.name, Any)) for parameter in parameters]
        self._limit = limit
        self._writer = self._writer_of(self._fields)
        self._partial: dict[frozenset[str], ArgumentWriter] = {}
        self._decode = self._writer.decode

    def _writer_of(self, fields: list[_Field]) -> ArgumentWriter:
        shape = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
        doubtful = [field[0] for field in fields if may_lose(field[1])]
        return ArgumentWriter(self._task, json_decoder(shape).decode, self._limit, doubtful)

    def encode(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        """Bytes of one call. Raises ``ArgumentError`` or ``PayloadTooLarge``, naming the task and the argument."""
        if not args and not kwargs and not self._required:
            return b"{}"
        return self._writer.write(self._bind(args, kwargs))

    def encode_named(self, arguments: Mapping[str, Any]) -> bytes:
        """The same for arguments given by parameter name, as they come from a process without the code."""
        return self._writer.write(dict(arguments))

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by parameter name, unchecked. Raises ``ArgumentError`` for a call that does not fit."""
        return self._bind(args, kwargs)

    def encode_without(self, arguments: Mapping[str, Any], later: frozenset[str]) -> bytes:
        """Bytes of one call whose parameters ``later`` are given when it runs. Raises what ``encode`` raises."""
        if later not in self._partial:
            self._partial[later] = self._writer_of([field for field in self._fields if field[0] not in later])
        return self._partial[later].write({name: value for name, value in arguments.items() if name not in later})

    def decode(self, data: bytes) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments for the handler. Raises ``ArgumentError``."""
        if data == b"{}" and not self._required:
            return (), {}
        try:
            values = _asdict(self._decode(unpack(data)))
        except Exception as error:
            raise ArgumentError(f"{place(self._task, error)}: {reason(error)}{KEPT}") from error
        if len(values) != len(self._required):
            values = {name: value for name, value in values.items() if value is not msgspec.UNSET}
        return ((), values) if self._plain else self._spread(values)

    def _bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if self._plain and len(args) <= len(self._positional):
            bound = dict(zip(self._positional, args, strict=False))
            if not kwargs:
                if bound.keys() >= self._required:
                    return bound
            elif kwargs.keys() <= self._named and kwargs.keys().isdisjoint(bound):
                bound.update(kwargs)
                if bound.keys() >= self._required:
                    return bound
        try:
            return self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise ArgumentError(f"task {self._task!r}: {error}{NOT_ENQUEUED}") from None

    def _spread(self, values: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for name, parameter in self._signature.parameters.items():
            match parameter.kind:
                case Parameter.POSITIONAL_ONLY | Parameter.POSITIONAL_OR_KEYWORD:
                    args.append(values.get(name, parameter.default))
                case Parameter.VAR_POSITIONAL:
                    args.extend(values.get(name, ()))
                case Parameter.VAR_KEYWORD:
                    extra = values.get(name, {})
                case Parameter.KEYWORD_ONLY if name in values:
                    kwargs[name] = values[name]
                case _:
                    pass
        taken = extra.keys() & self._named
        if taken:
            raise ArgumentError(f"task {self._task!r}, argument {min(taken)!r}: it is given twice{KEPT}")
        return tuple(args), {**extra, **kwargs}


def encode_untyped(task: str, arguments: Mapping[str, Any], *, limit: int = DEFAULT_MAX_PAYLOAD) -> bytes:
    """Bytes of one call of a task whose signature is not known here; the worker will check them.

    Raises ``ArgumentError`` for a value that JSON cannot give back, and ``PayloadTooLarge``.
    """
    return ArgumentWriter(task, lambda data: SimpleNamespace(**_any_object(data)), limit, arguments).write(
        dict(arguments)
    )


def _is_required(parameter: Parameter) -> bool:
    variadic = parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return parameter.default is Parameter.empty and not variadic


def _field(parameter: Parameter, hint: Any) -> _Field:
    if hint is object:
        hint = Any
    if parameter.kind is Parameter.VAR_POSITIONAL:
        hint = tuple[hint, ...]
    elif parameter.kind is Parameter.VAR_KEYWORD:
        hint = get_args(hint)[0] if get_origin(hint) is Unpack else dict[str, hint]
    return (parameter.name, hint) if _is_required(parameter) else (parameter.name, hint, msgspec.UNSET)
