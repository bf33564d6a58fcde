"""A client with many open streams.

``python -m benchmarks.service.watchers`` reads a ``Watch`` as one line of JSON from standard input, opens its streams,
and from then on answers every line with a ``Seen`` as one line of JSON.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import cast

import msgspec

from abaca.cli.loops import run_fast
from abaca.http.server import open_more_files

AT_ONCE = 100


class Watch(msgspec.Struct, frozen=True):
    """One stream for each request. The first ``slow`` of them read their first event and nothing after it."""

    port: int
    requests: list[str]
    slow: int = 0


class Seen(msgspec.Struct, frozen=True):
    """For each stream its events and when its latest one came, by the machine's monotonic clock in seconds."""

    events: list[int]
    latest: list[float]
    ended: int


class _Stream(asyncio.Protocol):
    def __init__(self, request: bytes, *, slow: bool) -> None:
        self._request = request
        self._slow = slow
        self.begun = asyncio.get_running_loop().create_future()
        self.events = 0
        self.latest = 0.0
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.events += data.count(b"\nevent: ") + data.startswith(b"event: ")
        self.latest = time.monotonic()
        self.ended |= data.endswith(b"0\r\n\r\n")
        if self.events and not self.begun.done():
            self.begun.set_result(None)
            if self._slow:
                self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        if not self.begun.done():
            self.begun.set_exception(RuntimeError(f"a stream was refused: {exc}"))


async def _open(watch: Watch) -> list[_Stream]:
    loop = asyncio.get_running_loop()
    streams = [_Stream(text.encode(), slow=number < watch.slow) for number, text in enumerate(watch.requests)]
    for start in range(0, len(streams), AT_ONCE):
        part = streams[start : start + AT_ONCE]
        for stream in part:
            await loop.create_connection(lambda stream=stream: stream, "127.0.0.1", watch.port)  # type: ignore[misc]
        await asyncio.gather(*(stream.begun for stream in part))
    return streams


async def _run(watch: Watch, lines: asyncio.StreamReader) -> None:
    streams = await _open(watch)
    while True:
        seen = Seen(
            [stream.events for stream in streams],
            [stream.latest for stream in streams],
            sum(stream.ended for stream in streams),
        )
        sys.stdout.buffer.write(msgspec.json.encode(seen) + b"\n")
        sys.stdout.buffer.flush()
        if not await lines.readline():
            return


async def _main() -> None:
    lines = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    await _run(msgspec.json.decode(await lines.readline(), type=Watch), lines)


if __name__ == "__main__":
    open_more_files()
    run_fast(_main())
