"""Live updates over Server-Sent Events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from abaca.codec import new_id
from abaca.http.streams.feed import Feed
from abaca.http.streams.sse import Event, EventStream
from abaca.model import Kind, NewUpdate
from tests.http.harness import Api, serving
from tests.http.stream import PATIENCE, Reader, reading


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as served:

        @served.app.task
        async def render(page: int) -> int:
            return page

        yield served


async def submit(api: Api) -> str:
    return (await api.app.enqueue_by_name("render", {"page": 1})).id


async def say(api: Api, id: str, epoch: int, seq: int, done: int) -> None:
    backend = await api.app.backend()
    data = b'{"done":%d,"total":9}' % done
    await backend.append([NewUpdate(id=id, epoch=epoch, seq=seq, kind=Kind.PROGRESS, data=data)])


async def until_event(reader: Reader, kind: str) -> tuple[str | None, str, Any]:
    while (event := await reader.event())[1] != kind:
        pass
    return event


async def test_a_jobs_stream_tells_every_update_and_ends_with_the_job(api: Api) -> None:
    # Given
    id = await submit(api)

    # When
    async with reading(api, f"/jobs/{id}/events") as reader:
        first = await reader.event()
        job = await api.claim()
        await say(api, id, job.epoch, 1, 4)
        told = await until_event(reader, "progress")
        await api.complete(job, 7)
        last = await until_event(reader, "status")
        while last[2]["data"] != "completed":
            last = await until_event(reader, "status")
        await reader.ended.wait()

    # Then
    assert reader.headers["content-type"] == "text/event-stream"
    assert (first[0], first[2]["data"]) == ("1", "queued")
    assert told[2]["data"] == {"done": 4, "total": 9}


async def test_a_reader_that_comes_back_misses_nothing_and_gets_nothing_twice(api: Api) -> None:
    # Given
    id = await submit(api)
    job = await api.claim()
    for seq in range(1, 6):
        await say(api, id, job.epoch, seq, seq)
    async with reading(api, f"/jobs/{id}/events") as reader:
        had = [await reader.event() for _ in range(4)]
    await api.complete(job)

    # When
    async with reading(api, f"/jobs/{id}/events", {"Last-Event-ID": str(had[-1][0])}) as reader:
        rest = [await reader.event() for _ in range(4)]
        await reader.ended.wait()

    # Then
    ids = [int(id or 0) for id, _, _ in had + rest]
    assert ids == sorted(set(ids))
    assert [data["data"]["done"] for _, kind, data in had + rest if kind == "progress"] == [1, 2, 3, 4, 5]


async def test_a_silent_stream_is_kept_alive_by_comments() -> None:
    # Given
    async def nothing() -> AsyncGenerator[Event, None]:
        await asyncio.Event().wait()
        yield Event(event="never", data=b"null")

    stream = EventStream(nothing(), asyncio.Event(), heartbeat=0.01)
    reader = Reader()

    # When
    serving = asyncio.create_task(answer(stream, reader))
    frames = [await reader.frame() for _ in range(3)]
    reader.leave()
    await serving

    # Then
    assert frames == ["retry: 2000\n\n", ": still here\n\n", ": still here\n\n"]


async def test_a_stream_makes_no_more_than_its_reader_takes() -> None:
    # Given
    made = 0

    async def many() -> AsyncGenerator[Event, None]:
        nonlocal made
        for made in range(1, 1001):
            yield Event(event="item", data=b"%d" % made)

    stream = EventStream(many(), asyncio.Event())
    reader = Reader()

    # When
    serving = asyncio.create_task(answer(stream, reader))
    had = [await reader.event() for _ in range(3)]
    for _ in range(100):
        await asyncio.sleep(0)
    made_by_then = made
    reader.leave()
    await serving

    # Then
    assert [data for _, _, data in had] == [1, 2, 3]
    assert made_by_then <= 6


async def test_the_end_of_the_service_ends_its_streams(api: Api) -> None:
    # Given
    id = await submit(api)

    # When
    async with reading(api, f"/jobs/{id}/events") as reader:
        await reader.event()
        await api.service.service.close()
        await asyncio.wait_for(reader.ended.wait(), PATIENCE)

    # Then
    assert reader.status == 200


async def test_a_stream_of_a_job_that_is_not_there_is_no_stream(api: Api) -> None:
    # When
    answers = [
        await api.get(f"/jobs/{new_id()}/events"),
        await api.get(f"/jobs/{await submit(api)}/events", headers={"Last-Event-ID": "x"}),
    ]

    # Then
    assert [(one.status_code, one.json()["error"]["code"]) for one in answers] == [
        (404, "job_not_found"),
        (422, "invalid"),
    ]


async def test_the_view_of_the_whole_begins_with_everything_and_goes_on_with_what_changes(api: Api) -> None:
    # Given
    waiting, running = await submit(api), await submit(api)
    assert (await api.claim()).id == waiting

    # When
    async with reading(api, "/events") as reader:
        first = (await reader.event())[2]
        job = await api.claim()
        second = (await reader.event())[2]

    # Then
    assert (first["first"], first["running"], first["queues"][0]["due"], first["changed"]) == (True, 1, 1, [])
    assert (second["first"], second["running"], second["changed"]) == (
        False,
        2,
        [{"id": running, "status": "running", "queue": "default", "task": "render"}],
    )
    assert job.id == running


async def test_the_view_of_one_queue_names_only_its_jobs(api: Api) -> None:
    # Given
    async with reading(api, "/events?queue=mail") as reader:
        first = (await reader.event())[2]

        # When
        await submit(api)
        other = await api.app.enqueue_by_name("render", {"page": 2}, queue="mail")
        await api.claim()
        await api.claim("mail")
        seen: list[Any] = []
        while not seen:
            seen = (await reader.event())[2]["changed"]

    # Then
    assert [one["id"] for one in seen] == [other.id]
    assert all(one["name"] == "mail" for one in first["queues"])


async def test_however_slow_a_reader_is_it_gets_one_picture_of_all_that_it_missed(api: Api) -> None:
    # Given
    feed = Feed(api.app.backend, interval=0.001)
    slow, quick = feed.pictures(), feed.pictures()
    await anext(slow)
    await anext(quick)

    # When
    ids = []
    for _ in range(3):
        ids.append(await submit(api))
        await api.claim()
        while ids[-1] not in {one.id for one in (await anext(quick)).changed}:
            pass
    missed = await anext(slow)
    await slow.aclose()
    await quick.aclose()

    # Then
    assert {one.id for one in missed.changed} == set(ids)


async def test_nobody_looks_at_the_store_when_nobody_watches(api: Api) -> None:
    # Given
    feed = Feed(api.app.backend, interval=0.001)
    pictures = feed.pictures()
    await anext(pictures)

    # When
    await pictures.aclose()

    # Then
    assert feed.is_idle


async def answer(stream: EventStream, reader: Reader) -> None:
    await reader.receive()
    await stream({}, reader.receive, reader.send)  # type: ignore[arg-type]
