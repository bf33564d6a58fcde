"""Settings of tasks, and of the queues' tenants, as they are written and read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from abaca import App, ConfigError, TaskSettings
from abaca.backends.memory import MemoryBackend
from abaca.model import BUCKET, QUEUE, Limit, QueueSettings, Record, task_bucket
from abaca.queues import MOST_TENANTS


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with App(backend=MemoryBackend()) as app:
        yield app


async def stored(app: App, task: str) -> Limit | None:
    """What stores read of a task."""
    (record,) = await (await app.backend()).read(BUCKET, [task_bucket(task)])
    return None if record is None else msgspec.json.decode(record.data or b"", type=Limit)


async def test_a_paused_task_may_run_none_and_comes_back_with_its_limit(app: App) -> None:
    # Given a task with a limit
    control = app.task_control
    await control.limit("render", 3, rate=60, period="1m", burst=5)
    # When it is paused and resumed
    paused = await control.pause("render")
    read_while_paused = await stored(app, "render")
    resumed = await control.resume("render")
    # Then stores read that it may run none, and then its limit again
    assert paused == TaskSettings(paused=True, concurrency=3, rate=60, period_ms=60_000, burst=5)
    assert read_while_paused == Limit(bucket=task_bucket("render"), concurrency=0, rate=60, period_ms=60_000, burst=5)
    assert resumed == msgspec.structs.replace(paused, paused=False)
    assert await stored(app, "render") == Limit(
        bucket=task_bucket("render"), concurrency=3, rate=60, period_ms=60_000, burst=5
    )


async def test_a_limit_that_changes_leaves_the_pause(app: App) -> None:
    await app.task_control.pause("render")
    await app.task_control.limit("render", 2)
    assert await app.task_control.get("render") == TaskSettings(paused=True, concurrency=2)
    assert (await app.task_control.resume("render")).concurrency == 2


async def test_settings_that_say_nothing_leave_no_record(app: App) -> None:
    await app.task_control.pause("render")
    assert await app.task_control.resume("render") == TaskSettings()
    assert await stored(app, "render") is None
    assert await app.task_control.limit("other") == TaskSettings()
    assert await app.task_control.all() == {}


async def test_all_settings_are_listed_by_task_and_no_other_bucket(app: App) -> None:
    await app.task_control.pause("render")
    await app.task_control.limit("send", rate=5)
    await app.task_control.pause("a")
    for bucket in ("customer:7", "name:x", "z"):
        limit = Limit(bucket=bucket, concurrency=1)
        await (await app.backend()).put([Record(kind=BUCKET, id=bucket, data=msgspec.json.encode(limit))])
    found = await app.task_control.all()
    assert found == {
        "a": TaskSettings(paused=True),
        "render": TaskSettings(paused=True),
        "send": TaskSettings(rate=5),
    }


@pytest.mark.parametrize("options", [{"concurrency": -1}, {"rate": 0}, {"rate": 5, "burst": 0}])
async def test_limits_that_cannot_be_are_refused(app: App, options: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        await app.task_control.limit("render", **options)
    with pytest.raises(ConfigError):
        await app.task_control.pause("no such name")


async def test_tenants_get_weights_and_queues_age(app: App) -> None:
    # When weights are given, one at a time, and one is taken away
    await app.queues.weigh("mail", {"acme": 3, "globex": 2})
    await app.queues.weigh("mail", {"globex": 1, "initech": 5})
    settings = await app.queues.age("mail")
    # Then the record says so, beside what else it says
    assert settings == QueueSettings(weights={"acme": 3, "initech": 5}, aging=True)
    await app.queues.pause("mail")
    (record,) = await (await app.backend()).read(QUEUE, ["mail"])
    assert record is not None
    assert msgspec.json.decode(record.data or b"", type=QueueSettings) == msgspec.structs.replace(settings, paused=True)
    assert not (await app.queues.age("mail", False)).aging


@pytest.mark.parametrize("weight", [0, 1001, 1.5, True])
async def test_weights_that_cannot_be_are_refused_with_the_names(app: App, weight: int) -> None:
    with pytest.raises(ConfigError, match=r"'mail'.*'acme'"):
        await app.queues.weigh("mail", {"acme": weight})


async def test_only_so_many_tenants_may_have_a_weight(app: App) -> None:
    with pytest.raises(ConfigError, match="1,001 tenants"):
        await app.queues.weigh("mail", {f"t{n}": 2 for n in range(MOST_TENANTS + 1)})
