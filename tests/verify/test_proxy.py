"""The fault proxy does to connections what it is told, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from abaca.verify.proxy import FaultProxy, Weather

PATIENCE = 20.0


class Echo:
    """A server that answers each line with the same line, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.heard = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self.asked.append(line)
                self.heard.set()
                writer.write(line)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


class Line:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, text: bytes) -> bytes:
        await self.tell(text)
        return await self.hear()

    async def must_ask(self, text: bytes) -> None:
        """Raises ``ConnectionError`` when the connection ends without an answer."""
        if not await self.ask(text):
            raise ConnectionError

    async def must_hear(self) -> None:
        if not await self.hear():
            raise ConnectionError

    async def tell(self, text: bytes) -> None:
        self._writer.write(text)
        await self._writer.drain()

    async def hear(self) -> bytes:
        return await asyncio.wait_for(self._reader.readline(), PATIENCE)

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def world(weather: Weather | None = None) -> AsyncIterator[tuple[FaultProxy, Echo]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with FaultProxy("127.0.0.1", port, seed=1) as proxy:
        if weather is not None:
            proxy.set(weather)
        yield proxy, echo
    server.close()
    await server.wait_closed()


async def dial(proxy: FaultProxy) -> Line:
    return Line(*await asyncio.open_connection("127.0.0.1", proxy.port))


async def test_in_fine_weather_everything_passes_unchanged() -> None:
    # Given
    async with world() as (proxy, echo):
        line = await dial(proxy)
        # When
        answers = [await line.ask(b"%d\n" % n) for n in range(3)]
        long = b"x" * 30_000 + b"\n"
        answers.append(await line.ask(long))
        # Then
        assert answers == [b"0\n", b"1\n", b"2\n", long]
        assert echo.asked == answers
        assert proxy.tally.bytes == 2 * sum(len(answer) for answer in answers)
        line.close()


async def test_latency_delays_each_direction() -> None:
    async with world(Weather(latency=0.05)) as (proxy, _):
        line = await dial(proxy)
        start = asyncio.get_running_loop().time()
        assert await line.ask(b"a\n") == b"a\n"
        assert asyncio.get_running_loop().time() - start >= 0.1
        line.close()


async def test_slices_arrive_whole_and_in_order() -> None:
    async with world(Weather(slices=True)) as (proxy, _):
        line = await dial(proxy)
        text = bytes(range(32, 127)) * 3 + b"\n"
        assert await line.ask(text) == text
        line.close()


async def test_silence_holds_what_was_sent_and_passes_it_on_later() -> None:
    # Given a connection, then silence
    async with world() as (proxy, echo):
        line = await dial(proxy)
        await line.ask(b"before\n")
        proxy.set(Weather(silent=True))
        # When something is sent, nothing comes
        await line.tell(b"late\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(line._reader.readline(), 0.1)
        assert echo.asked == [b"before\n"]
        # Then it arrives when the weather is fine again
        proxy.set(Weather())
        assert await line.hear() == b"late\n"
        line.close()


async def test_what_was_held_is_executed_though_its_sender_has_gone() -> None:
    # Given a request that is held by silence, and a client that gave up
    async with world() as (proxy, echo):
        line = await dial(proxy)
        await line.ask(b"before\n")
        echo.heard.clear()
        proxy.set(Weather(silent=True))
        await line.tell(b"late\n")
        line.close()
        # When the line is good again
        proxy.set(Weather())
        # Then the server hears it
        await asyncio.wait_for(echo.heard.wait(), PATIENCE)
        assert echo.asked == [b"before\n", b"late\n"]


async def test_a_cut_answer_was_executed_and_never_arrives() -> None:
    # Given
    async with world() as (proxy, echo):
        line = await dial(proxy)
        await line.ask(b"kept\n")
        # When answers are cut
        proxy.set(Weather(cut=1.0))
        await line.tell(b"lost\n")
        # Then the server did what was asked, and the client has an error in place of an answer
        with pytest.raises(ConnectionError):
            await line.must_hear()
        assert echo.asked == [b"kept\n", b"lost\n"]
        assert proxy.tally.cut == 1


async def test_a_refused_client_is_closed_and_open_ones_go_on() -> None:
    async with world() as (proxy, _):
        open_one = await dial(proxy)
        await open_one.ask(b"a\n")
        proxy.set(Weather(refuse=True))
        with pytest.raises(ConnectionError):
            await (await dial(proxy)).must_ask(b"b\n")
        assert proxy.tally.refused == 1
        assert await open_one.ask(b"c\n") == b"c\n"
        open_one.close()


async def test_a_reset_breaks_all_open_connections_and_new_ones_work() -> None:
    async with world() as (proxy, _):
        lines = [await dial(proxy) for _ in range(3)]
        for line in lines:
            await line.ask(b"a\n")
        assert proxy.reset_all() == 3
        for line in lines:
            with pytest.raises(ConnectionError):
                await line.must_ask(b"b\n")
        fresh = await dial(proxy)
        assert await fresh.ask(b"c\n") == b"c\n"
        fresh.close()


async def test_only_a_share_of_the_connections_meets_the_weather() -> None:
    # Given twenty connections, half of which answers are cut on
    async with world() as (proxy, _):
        lines = [await dial(proxy) for _ in range(20)]
        for line in lines:
            await line.ask(b"a\n")
        proxy.set(Weather(cut=1.0, share=0.5))
        # When all are asked
        answered = 0
        for line in lines:
            try:
                answered += await line.ask(b"b\n") == b"b\n"
            except ConnectionError:
                pass
            line.close()
        # Then some answered and some did not
        assert proxy.tally.cut == 20 - answered
        assert 0 < answered < 20


async def test_a_server_that_is_away_looks_like_a_reset() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with FaultProxy("127.0.0.1", port) as proxy:
        with pytest.raises(ConnectionError):
            await (await dial(proxy)).must_ask(b"a\n")
