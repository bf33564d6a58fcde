"""What new jobs carry along from where they are enqueued: the trace, and the request's id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from abaca.errors import ConfigError
from abaca.model import NewJob
from abaca.text import shown

MOST_ENTRIES = 8
MOST_BYTES = 2_048

Stamp = Callable[[NewJob], Mapping[str, str]]
"""Answers what a job is to carry beside what it carries; called as it is enqueued, where it is enqueued."""

_carried: ContextVar[Mapping[str, str] | None] = ContextVar("abaca_carried", default=None)


@contextmanager
def carrying(carrier: Mapping[str, str]) -> Iterator[None]:
    """Every job that is enqueued within the block carries these texts, for instance ``{"x-request-id": ...}``.

    Raises ``ConfigError`` above ``MOST_ENTRIES`` entries or ``MOST_BYTES`` bytes, naming what is too large.
    """
    token = _carried.set({**(_carried.get() or {}), **check_carrier(carrier)})
    try:
        yield
    finally:
        _carried.reset(token)


def inherit(carrier: Mapping[str, str]) -> None:
    """For workers, at the beginning of a run: what it enqueues carries what its job does."""
    if carrier:
        _carried.set(carrier)


def carried() -> Mapping[str, str]:
    """What jobs that are enqueued here and now carry."""
    return _carried.get() or {}


def stamped(job: NewJob, stamp: Stamp | None) -> NewJob:
    """The job with what it carries. What it was given wins over what surrounds it."""
    around = _carried.get()
    if around is None and stamp is None:
        return job
    carrier = {**(around or {}), **(stamp(job) if stamp is not None else {}), **job.carrier}
    return msgspec.structs.replace(job, carrier=check_carrier(carrier)) if carrier else job


def check_carrier(carrier: Mapping[str, str]) -> dict[str, str]:
    """Raises ``ConfigError`` naming the entry that cannot be carried."""
    if len(carrier) > MOST_ENTRIES:
        raise ConfigError(f"carrier: {len(carrier)} entries are given and the limit is {MOST_ENTRIES}")
    left = MOST_BYTES
    for name, value in carrier.items():
        try:
            left -= len(name.encode()) + len(value.encode())
        except (AttributeError, UnicodeEncodeError):
            raise ConfigError(f"carrier: {shown(name)} is not usable; names and values are text") from None
        if left < 0:
            raise ConfigError(
                f"carrier: with {shown(name)} it takes more than {MOST_BYTES:,} bytes, which is the limit"
            )
    return dict(carrier)
