"""Rows of a minute and sums of a worker: absolute, written over, folded once."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest

from abaca.errors import BackendUnavailable
from abaca.measures import CARRY, MINUTE_KEPT_MS, TOTALS, Measures
from abaca.observe.reading import read_minutes, read_totals
from tests.observe.making import MINUTE, Ground, count


async def completed_by_minute(ground: Ground) -> dict[int, int]:
    rows = await read_minutes(ground.backend, MINUTE, MINUTE + 100)
    return {minute - MINUTE: rows[minute].cell("default", "render").completed for minute in rows}


async def completed(ground: Ground) -> int:
    return (await read_totals(ground.backend)).cell("default", "render").completed


async def test_a_row_is_of_its_minute_and_sums_go_on() -> None:
    # Given a worker that counts two runs in one minute and three in the next
    ground, measures = Ground(), Measures()
    recorder = ground.recorder(measures)
    count(measures, 2)
    await recorder.record()
    ground.pass_time(61)
    await recorder.record()
    count(measures, 3)
    # When it records
    await recorder.record()
    # Then each minute has its own, and the sums have all
    assert await completed_by_minute(ground) == {0: 2, 1: 3}
    assert await completed(ground) == 5


async def test_what_was_counted_after_the_last_beat_of_a_minute_still_goes_into_its_row() -> None:
    # Given a run that is counted after a beat
    ground, measures = Ground(), Measures()
    recorder = ground.recorder(measures)
    count(measures, 1)
    await recorder.record()
    count(measures, 1)
    # When the next beat is in the next minute
    ground.pass_time(60)
    await recorder.record()
    # Then the row of the first minute has both
    assert await completed_by_minute(ground) == {0: 2}


@pytest.mark.parametrize("loss", ["request", "reply"])
async def test_a_lost_write_is_written_again_and_doubles_nothing(loss: str) -> None:
    # Given a write that is lost on its way, or whose answer is
    ground, measures = Ground(), Measures()
    recorder = ground.recorder(measures)
    count(measures, 2)
    ground.store.lose("reply" if loss == "reply" else "request", "put")
    await recorder.record()
    # When the worker goes on
    count(measures, 1)
    await recorder.record()
    # Then rows and sums have each run once
    assert await completed_by_minute(ground) == {0: 3}
    assert await completed(ground) == 3


async def test_two_writers_of_one_row_double_nothing() -> None:
    # Given two recorders that take each other's place, with the same sums
    ground, measures = Ground(), Measures()
    first, second = ground.recorder(measures), ground.recorder(measures)
    # When they write by turns
    for _ in range(3):
        count(measures, 1)
        await first.record()
        await second.record()
    # Then rows and sums have each run once
    assert await completed_by_minute(ground) == {0: 3}
    assert await completed(ground) == 3


async def test_minutes_wait_for_a_store_that_is_away() -> None:
    # Given a store that is away over the end of a minute
    ground, measures = Ground(), Measures()
    recorder = ground.recorder(measures)
    ground.store.away = True
    count(measures, 2)
    await recorder.record()
    ground.pass_time(60)
    count(measures, 1)
    await recorder.record()
    # When it is back
    ground.store.away = False
    await recorder.record()
    # Then the minutes have what was counted until each of them was seen to be over
    assert sum((await completed_by_minute(ground)).values()) == 3


async def test_a_quiet_worker_writes_no_rows_and_one_sign_of_life_a_minute() -> None:
    # Given a worker that counts nothing but its calls of the store
    ground, measures = Ground(), Measures()
    recorder = ground.recorder(measures)
    # When ten minutes of beats pass
    for _ in range(120):
        ground.pass_time(5)
        measures.verb("beat").calls[0] += 1
        await recorder.record()
    # Then it wrote once a minute, and no row
    assert ground.store.calls["put"] <= 11
    assert await completed_by_minute(ground) == {}


async def test_the_last_row_of_a_worker_that_died_stays_until_it_expires() -> None:
    # Given a row of a worker that died
    ground, measures = Ground(), Measures()
    count(measures, 2)
    await ground.recorder(measures).record()
    # When nearly two days pass, and then the rest
    ground.pass_time(MINUTE_KEPT_MS / 1000 - 1)
    before = await completed_by_minute(ground)
    ground.pass_time(2)
    # Then it was as it was, and is gone
    assert (before, await completed_by_minute(ground)) == ({0: 2}, {})
    # And the sums have it still
    assert await completed(ground) == 2


async def test_sums_of_a_worker_that_left_are_folded_at_once_and_those_of_a_silent_one_later() -> None:
    # Given a worker that left, one that died and one that lives
    ground = Ground()
    folder = ground.folder()
    left, died, lives = Measures(), Measures(), Measures()
    for name, measures in (("left", left), ("died", died), ("lives", lives)):
        count(measures, 1)
        await ground.recorder(measures, name).record(last=name == "left")
    living = ground.recorder(lives, "lives")
    # When the folder looks for some minutes
    folded = []
    for _ in range(5):
        folded.append(await folder.fold())
        ground.pass_time(60)
        await living.record()
    # Then it took in the one at once, the other after three minutes, and left the third alone
    assert folded == [1, 0, 0, 1, 0]
    assert await completed(ground) == 3
    # And what was folded expires
    ground.pass_time(3700)
    assert [record.id for record in await ground.backend.scan(TOTALS, "", 10)] == ["lives"]
    assert await completed(ground) == 3


@pytest.mark.parametrize("verb", ["scan", "read"])
async def test_sums_that_are_folded_while_somebody_adds_up_count_once(verb: str, monkeypatch: Any) -> None:
    # Given sums of a worker that left, and a folder that takes them in, and lets them expire, just before one of the
    # reads of whoever adds up
    ground, measures = Ground(), Measures()
    count(measures, 3)
    await ground.recorder(measures).record(last=True)
    ask = getattr(ground.store, verb)

    async def meddled(*args: Any) -> Any:
        monkeypatch.undo()
        assert await ground.folder().fold() == 1
        if verb == "scan":
            ground.pass_time(3700)
        return await ask(*args)

    monkeypatch.setattr(ground.store, verb, meddled)
    # When they are added up
    # Then they count once
    assert await completed(ground) == 3


async def test_names_leave_the_carry_once_their_records_are_gone() -> None:
    # Given sums that were folded and have expired
    ground = Ground()
    for name in ("a", "b"):
        measures = Measures()
        count(measures, 1)
        await ground.recorder(measures, name).record(last=True)
        await ground.folder().fold()
        ground.pass_time(3700)
    # When the carry is read
    (carry,) = await ground.backend.read(CARRY, ["all"])
    # Then it names the latest only
    assert carry is not None
    assert carry.data is not None
    assert b"b" in carry.data.rpartition(b"render")[2]
    assert await completed(ground) == 2


@pytest.mark.parametrize("seed", range(40))
async def test_sums_never_fall_and_never_exceed_what_was_counted(seed: int) -> None:
    # Given three workers, of which each may be silent for minutes, leave or begin anew, and a store that loses calls
    rand, ground = random.Random(seed), Ground()
    folders = [ground.folder() for _ in range(2)]
    workers = {f"worker{n}": Measures() for n in range(3)}
    recorders = {name: ground.recorder(measures, name) for name, measures in workers.items()}
    counted, highest, lives = 0, 0, 0
    for _ in range(150):
        name = rand.choice(list(recorders))
        match rand.randrange(8):
            case 0 | 1:
                count(workers[name], 1)
                counted += 1
            case 2 | 3:
                await recorders[name].record()
            case 4:
                ground.pass_time(rand.choice([1, 59, 200]))
            case 5:
                ground.store.lose(rand.choice(["request", "reply"]), "put")
            case 6:
                with contextlib.suppress(BackendUnavailable):
                    await rand.choice(folders).fold()
            case 7 if rand.random() < 0.3:
                await ground.lose_no_more()
                await recorders[name].record(last=True)
                lives += 1
                del recorders[name]
                workers[f"next{lives}"] = Measures()
                recorders[f"next{lives}"] = ground.recorder(workers[f"next{lives}"], f"next{lives}")
        # When anybody adds up
        seen = await completed(ground)
        # Then the sum has not fallen, and has nothing that was not counted
        assert highest <= seen <= counted
        highest = seen
    # And at the end, when all could write, every count is in it once
    await ground.lose_no_more()
    for recorder in recorders.values():
        await recorder.record()
    for folder in folders:
        await folder.fold()
    assert await completed(ground) == counted
