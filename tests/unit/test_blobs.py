"""Enqueuing and waiting with a place for large payloads that fails or takes its time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from abaca import App, ConfigError, PlaceUnavailable, ResultTimeout, group
from abaca.backends.memory import MemoryBackend
from abaca.cli import main
from abaca.config import load_settings
from abaca.places import blobs as blobs_module
from abaca.policy.outcome import Returned
from tests.unit.face import claim, settle
from tests.wobbly import WobblyPlace

LARGE = "x" * 200


def measure(words: str) -> int:
    return len(words)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> WobblyPlace:
    place = WobblyPlace()
    monkeypatch.setattr(blobs_module, "_PAUSES", (0.01,))
    return place


@pytest.fixture
def app(place: WobblyPlace, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setattr("abaca.app.blobs_of", lambda *_: place.blobs())
    app = App(backend=MemoryBackend(), poll_interval=60)
    app.task(measure)
    return app


async def test_a_place_that_is_away_refuses_large_calls_and_no_others(app: App, place: WobblyPlace) -> None:
    # Given a place that is away
    task = app.tasks["measure"]
    place.away = True
    # When a large call and a small one are enqueued together
    enqueuing = asyncio.create_task(task.enqueue(LARGE))
    small = await task.enqueue("x")
    # Then the small one is stored, and the large one raises and stores nothing
    with pytest.raises(PlaceUnavailable):
        await enqueuing
    assert [job.id for job in await claim(app)] == [small.id]
    with pytest.raises(PlaceUnavailable):
        await app.enqueue_many([task.call(LARGE), task.call("y")])
    assert await claim(app) == []


async def test_a_place_that_is_away_refuses_a_workflow_as_a_whole(app: App, place: WobblyPlace) -> None:
    task = app.tasks["measure"]
    place.away = True
    workflow = group([task.call("x"), task.call(LARGE)])
    with pytest.raises(PlaceUnavailable):
        await workflow.enqueue()
    assert await claim(app) == []
    # When the place is back, then the same workflow is stored
    place.away = False
    await workflow.enqueue()
    assert len(await claim(app)) == 2


async def test_the_arguments_are_in_their_place_before_the_job_is_stored(app: App, place: WobblyPlace) -> None:
    place.open.clear()
    enqueuing = asyncio.create_task(app.tasks["measure"].enqueue(LARGE))
    await place.called.wait()
    assert await claim(app) == []
    place.open.set()
    job = await enqueuing
    assert [found.id for found in await claim(app)] == [job.id]
    assert len(place.kept) == 1


async def test_closing_the_app_waits_for_what_is_on_its_way(app: App, place: WobblyPlace) -> None:
    place.open.clear()
    enqueuing = asyncio.create_task(app.tasks["measure"].enqueue(LARGE))
    await place.called.wait()
    closing = asyncio.create_task(app.close())
    await asyncio.sleep(0)
    place.open.set()
    await closing
    job = await enqueuing
    assert [found.id for found in await claim(app)] == [job.id]


async def test_an_enqueue_that_was_cancelled_stores_nothing(app: App, place: WobblyPlace) -> None:
    place.open.clear()
    enqueuing = asyncio.create_task(app.tasks["measure"].enqueue(LARGE))
    await place.called.wait()
    enqueuing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await enqueuing
    place.open.set()
    await app.tasks["measure"].enqueue("x")
    assert len(await claim(app)) == 1


async def test_a_wait_ends_in_time_though_the_place_does_not_answer(app: App, place: WobblyPlace) -> None:
    # Given a job that ended, with its result in a place that does not answer
    job = await app.tasks["measure"].enqueue("x")
    (run,) = await claim(app)
    reference = await app.blobs.send(await app.backend(), run.id, run.epoch, b"1" * 200)
    await settle(app, run, Returned(result=reference))
    place.open.clear()
    # When it is waited for, then the wait ends, and says that the job has ended
    with pytest.raises(ResultTimeout, match=r"had ended and its result not come from its place after 0.05 s"):
        await job.result(timeout=0.05)
    # When the place is away, then that is told
    place.open.set()
    place.away = True
    with pytest.raises(PlaceUnavailable, match="it is away"):
        await job.result(timeout=30)
    place.away = False
    assert await job.result(timeout=30) == int("1" * 200)


def test_the_settings_name_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a file, and a variable that wins over it
    monkeypatch.chdir(tmp_path)
    (tmp_path / "abaca.toml").write_text('results = "file:///one"\nresults_above = "1MB"\n')
    monkeypatch.setenv("ABACA_RESULTS", "file:///two")
    # When apps are made, then they follow the settings unless they say otherwise
    app, other = App("memory://"), App("memory://", results="record", results_above="2kB")
    assert (app.blobs.url, app.blobs.above) == ("file:///two", 1_000_000)
    assert not other.blobs.elsewhere
    assert App("memory://", results="file:///three", results_above=5).blobs.above == 5


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [("RESULTS", "ftp://x", "is not a place for results"), ("RESULTS_ABOVE", "big", "is not a size")],
)
def test_a_setting_that_names_no_place_is_refused_with_its_source(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, fault: str
) -> None:
    monkeypatch.setenv(f"ABACA_{variable}", value)
    with pytest.raises(ConfigError, match=f"^ABACA_{variable}: .*{fault}"):
        load_settings()


def test_a_place_whose_extra_is_missing_is_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs the extra: pip install 'abaca\[s3\]'"):
        App("memory://", results="s3://bucket/prefix")


def test_the_command_line_shows_where_results_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABACA_RESULTS", "file:///var/results")
    with pytest.raises(SystemExit):
        main(["config"])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("results "))
    assert "file:///var/results" in line
    assert "ABACA_RESULTS" in line
