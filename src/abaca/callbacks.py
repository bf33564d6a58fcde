"""What follows a job's end: calls of tasks that are told how it ended, made ready when they are declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any, Generic, Protocol, TypeVar, get_origin

import msgspec

from abaca.codec import ArgumentCodec, unpack
from abaca.errors import ConfigError, PayloadTooLarge
from abaca.model import Callback, JobEnd, NewJob, When
from abaca.text import shown

V = TypeVar("V", contravariant=True)

MOST_CALLBACKS = 16
"""How many callbacks and webhooks one job may carry."""
MOST_ARGUMENTS = 16_000
"""How many bytes of JSON the arguments of one callback may take, since each job carries them."""

_FIRST = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class FollowUp(Generic[V]):
    """A call of a task that waits for its first argument, the ``JobEnd``; ``Task.callback`` makes it."""

    __slots__ = ("into", "job")

    def __init__(self, job: NewJob, into: str) -> None:
        self.job = job
        self.into = into

    def follow_up(self) -> FollowUp[V]:
        return self


class Follows(Protocol):
    """A call made ready, or a task that takes nothing but the ``JobEnd``."""

    def follow_up(self) -> FollowUp[Any]: ...


class CalledBack(Protocol):
    """A webhook: it says itself which ends it is for."""

    def callbacks(self) -> tuple[Callback, ...]: ...


def end_parameter(task: str, signature: Signature, hints: Mapping[str, Any]) -> tuple[str, Signature]:
    """The parameter that gets the ``JobEnd``, and what is left to be given. Raises ``ConfigError`` naming the task."""
    parameters = list(signature.parameters.values())
    first = parameters[0] if parameters else None
    hint = hints.get(first.name) if first is not None else None
    if first is None or first.kind not in _FIRST or JobEnd not in (hint, get_origin(hint)):
        raise ConfigError(f"task {task!r} cannot be a callback: its first parameter must be a JobEnd, beside ctx")
    return first.name, signature.replace(parameters=parameters[1:])


def arguments_of(
    task: str, rest: Signature, hints: Mapping[str, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> bytes:
    """The arguments of a callback as plain JSON. Raises ``ArgumentError`` and ``PayloadTooLarge``."""
    data = unpack(ArgumentCodec(task, rest, hints).encode(args, kwargs))
    if len(data) > MOST_ARGUMENTS:
        raise PayloadTooLarge(
            f"task {task!r}, callback: its arguments take {len(data):,} bytes as JSON and the limit is "
            f"{MOST_ARGUMENTS:,}, since every job carries them; pass a reference"
        )
    return data


def callbacks_of(on_success: object, on_failure: object, webhook: object) -> tuple[Callback, ...]:
    """What these options ask for. Raises ``ConfigError`` naming the option."""
    made: list[Callback] = []
    for option, when, given in (
        ("on_success", When.COMPLETED, on_success),
        ("on_failure", When.FAILED, on_failure),
    ):
        for one in _listed(given):
            if not hasattr(one, "follow_up"):
                raise ConfigError(
                    f"{option}: {shown(one)} is not usable; give a task whose first parameter is a JobEnd, "
                    "or its .callback(...)"
                )
            ready: FollowUp[Any] = one.follow_up()
            made.append(Callback(when=when, job=ready.job, into=ready.into))
    for one in _listed(webhook):
        if not hasattr(one, "callbacks"):
            raise ConfigError(f"webhook: {shown(one)} is not usable; give Webhook(url, ...)")
        made += one.callbacks()
    return checked(tuple(made))


def checked(callbacks: tuple[Callback, ...]) -> tuple[Callback, ...]:
    if len(callbacks) > MOST_CALLBACKS:
        raise ConfigError(f"a job with {len(callbacks)} callbacks and webhooks: {MOST_CALLBACKS} are possible")
    return callbacks


def joined(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a new job, the later in place of the earlier; callbacks come to those that are there."""
    fields = {**earlier, **later}
    if "callbacks" in earlier and "callbacks" in later:
        fields["callbacks"] = checked(earlier["callbacks"] + later["callbacks"])
    return fields


def template(task: str, fields: Mapping[str, Any], data: bytes) -> NewJob:
    """The job of a callback. What is left empty comes from the job that ended."""
    return msgspec.structs.replace(NewJob(id="", task=task), **{**fields, "args": data})


def _listed(given: object) -> Sequence[Any]:
    if given is None:
        return ()
    return given if isinstance(given, list | tuple) else (given,)
