"""The one way of payloads out of records and back: whoever stores or reads one that may be large goes through here."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import blake2b
from typing import TypeVar

import msgspec

from abaca.backend import MAX_BATCH_BYTES, Backend
from abaca.buggify import buggify
from abaca.codec import (
    MAX_UNPACKED,
    DamagedPayload,
    NotHere,
    Reference,
    can_be_named,
    is_reference,
    read_reference,
    reference_to,
    unpacked_size,
)
from abaca.codec.streaming import Bytes, Unpacking
from abaca.errors import ArgumentsLost, ConfigError, PayloadTooLarge, PlaceUnavailable, ResultLost
from abaca.model import Job, NewJob
from abaca.places.base import Place
from abaca.places.space import made_space
from abaca.places.urls import IN_THE_RECORD, open_place

DEFAULT_ABOVE = 64_000
PIECE = 1 << 20
"""Bytes that are read at once where a payload is read piece by piece."""
_PAUSES = (0.05, 0.2, 0.8)
"""Seconds before each further try of a read, before jitter."""
_PROBES = "0" * 16
ARGUMENTS = 0
"""The epoch in the name of arguments: no run has it."""

T = TypeVar("T")


class Blobs:
    """Payloads of more than ``above`` bytes, as they are stored, go to the place that ``url`` names.

    Safe from any loop, thread and forked child. Methods raise ``PlaceUnavailable`` when the place is away, full, or
    refuses (reads try again a few times first), and ``ConfigError`` for a reference where no place is set.
    """

    def __init__(
        self, url: str = IN_THE_RECORD, above: int = DEFAULT_ABOVE, *, open_place: Callable[[str], Place] = open_place
    ) -> None:
        self.url = url
        self.above = min(above, MAX_BATCH_BYTES) if self.elsewhere else MAX_BATCH_BYTES
        self._open = open_place
        self._place: Place | None = None
        self._space: str | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether there is a place beside the record."""
        return self.url != IN_THE_RECORD

    @property
    def largest(self) -> int:
        """How many bytes of JSON one payload may have."""
        return MAX_UNPACKED if self.elsewhere else MAX_BATCH_BYTES

    @property
    def place(self) -> Place:
        """Raises ``ConfigError`` where none is set."""
        if not self.elsewhere:
            raise ConfigError(
                "it is kept in another place, and none is set here: give App(results=), ABACA_RESULTS or results in "
                "abaca.toml the value that the worker has"
            )
        if self._place is None:
            self._place = self._open(self.url)
        return self._place

    async def space(self, backend: Backend) -> str:
        """The store's own space in the place, made at its first use."""
        if self._space is None:
            self._space = await made_space(backend)
        return self._space

    async def send(self, backend: Backend, id: str, epoch: int, data: bytes) -> bytes:
        """Put a payload and answer the reference to store in its stead. Once: a failure leaves it to be swept."""
        space = await self.space(backend)
        reference = reference_to(data, space=space, id=id, epoch=epoch, token=secrets.token_hex(8))
        await self.place.put(reference.space, reference.name, data)
        buggify("blobs.after_put")
        return reference.written()

    async def send_arguments(self, backend: Backend, job: NewJob) -> NewJob:
        """The job with a reference in place of its large arguments, for an insert that follows.

        A job that may take another's place keeps them: they would go by the id of a job that is never stored. Raises
        ``PayloadTooLarge`` for what no record can hold.
        """
        if self.elsewhere and not job.replace and can_be_named(job.id) and not is_reference(job.args):
            return msgspec.structs.replace(job, args=await self.send(backend, job.id, ARGUMENTS, job.args))
        if len(job.args) > MAX_BATCH_BYTES:
            why = "a job that may replace another keeps its arguments in its record"
            raise PayloadTooLarge(
                f"task {job.task!r}: its arguments take {len(job.args):,} bytes and a record holds at most "
                f"{MAX_BATCH_BYTES:,}; {why if self.elsewhere else 'set a place for them with App(results=)'}; "
                "nothing was enqueued"
            )
        return job

    async def bring(self, data: bytes) -> bytes:
        """The stored bytes that a reference stands for; anything else as it is. Raises ``NotHere``."""
        if not is_reference(data):
            return data
        reference = read_reference(data)
        return reference.checked(await self._read(reference, 0, reference.size))

    async def whole(self, job: Job) -> Job:
        """The job with its result here. Raises ``ResultLost``."""
        if job.result is None or not is_reference(job.result):
            return job
        try:
            return msgspec.structs.replace(job, result=await self.bring(job.result))
        except NotHere as error:
            raise result_lost(job, error) from error

    async def whole_arguments(self, job: Job) -> Job:
        """The job with its arguments here. Raises ``ArgumentsLost``."""
        if not is_reference(job.spec.args):
            return job
        try:
            args = await self.bring(job.spec.args)
        except NotHere as error:
            raise ArgumentsLost(
                job.id, f"job {job.id} of task {job.spec.task!r}: its arguments are lost: {error}; enqueue it again"
            ) from error
        return msgspec.structs.replace(job, spec=msgspec.structs.replace(job.spec, args=args))

    async def stream(self, job: Job, *, as_bytes: bool) -> AsyncIterator[bytes]:
        """A job's result piece by piece: its JSON, or with ``as_bytes`` the bytes that it is. Raises ``ResultLost``.

        The checksum is known to be right when the last piece has come.
        """
        stored = job.result or b""
        try:
            length = read_reference(stored).length if is_reference(stored) else unpacked_size(stored)
            unpacking, decoding = Unpacking(length), Bytes() if as_bytes else None
            async for piece in self._pieces(stored):
                text = unpacking.feed(piece)
                if found := text if decoding is None else decoding.feed(text):
                    yield found
            unpacking.end()
            if decoding is not None and (rest := decoding.end()):
                yield rest
        except (NotHere, DamagedPayload) as error:
            raise result_lost(job, error) from error

    async def _pieces(self, stored: bytes) -> AsyncIterator[bytes]:
        if not is_reference(stored):
            for start in range(0, len(stored), PIECE):
                yield stored[start : start + PIECE]
            return
        reference = read_reference(stored)
        seen = blake2b(digest_size=16)
        for start in range(0, reference.size, PIECE):
            wanted = min(PIECE, reference.size - start)
            piece = await self._read(reference, start, wanted)
            if len(piece) < wanted:
                raise NotHere(f"{start + len(piece):,} bytes of {reference.size:,} are there")
            seen.update(piece)
            yield piece
        if seen.hexdigest() != reference.digest:
            raise NotHere("the checksum of its bytes is wrong")

    async def drop(self, data: bytes | None) -> None:
        """Delete what a reference stands for. What cannot be deleted now is swept later."""
        if data is None or not is_reference(data):
            return
        try:
            reference = read_reference(data)
            await self.place.delete(reference.space, reference.name)
        except (NotHere, PlaceUnavailable, ConfigError):
            pass

    async def why_unusable(self) -> str | None:
        """Why nothing can be put, read or deleted in the place now; ``None`` where it can. For people."""
        if not self.elsewhere:
            return None
        name = f"{'0' * 32}-{ARGUMENTS}-{secrets.token_hex(8)}"
        try:
            await self.place.put(_PROBES, name, name.encode())
            found = await self.place.get(_PROBES, name, 0, len(name))
            await self.place.delete(_PROBES, name)
        except (PlaceUnavailable, NotHere) as error:
            return str(error)
        return None if found == name.encode() else f"{self.place.shown} answers other bytes than were put"

    async def close(self) -> None:
        """Let go of connections; the next use makes them anew."""
        if self._place is not None:
            await self._place.close()

    async def _read(self, reference: Reference, start: int, size: int) -> bytes:
        return await _patiently(lambda: self.place.get(reference.space, reference.name, start, size))


async def _patiently(read: Callable[[], Awaitable[T]]) -> T:
    for pause in _PAUSES:
        try:
            return await read()
        except PlaceUnavailable:
            await asyncio.sleep(pause * (0.5 + random.random()))
    return await read()


def result_lost(job: Job, error: Exception) -> ResultLost:
    return ResultLost(job.id, f"job {job.id} completed, but its result is lost: {error}")
