"""The simulated server writes down what truly happened, also where one call holds several settles of a job."""

from __future__ import annotations

from typing import Any

from abaca.model import QUEUE, Lease, NewJob, Record, Settle, State, Transition, Want
from tests.simulation.store import Memory, Server, StoreClock

ID, OTHER = f"{1:032x}", f"{2:032x}"
LEASE = Lease(worker="w", ms=6000)
WANT = Want(queues=("default",), slots={"": 1})


def back(epoch: int) -> Settle:
    return Settle(id=ID, epoch=epoch, to=Transition(target=State.WAITING, attempts=epoch, delay_ms=0))


async def test_a_repeat_beside_the_next_settle_of_its_job_is_told_apart() -> None:
    # Given a job that was given back once and runs again
    told: list[tuple[str, int, str]] = []

    def write(src: str, type: str, f: str, **fields: Any) -> None:
        if f == "settle":
            told.append((fields["j"], fields["tok"], fields["val"]["verdict"]))

    clock = StoreClock(lambda: 0.0)
    server = Server(Memory(clock), clock, write)
    await server.perform("insert", ([NewJob(id=ID, task="t")],))
    await server.perform("exchange", ([], WANT, LEASE))
    await server.perform("exchange", ([back(1)], WANT, LEASE))
    # When one call brings the settle again, whose reply was lost, and that of the second run
    await server.perform("exchange", ([back(1), back(2)], None, LEASE))
    # Then
    assert told == [(ID, 1, "applied"), (ID, 1, "repeat"), (ID, 2, "applied")]


async def test_a_job_that_makes_room_is_told_as_ended() -> None:
    # Given a full queue that sheds
    told: list[tuple[str, str]] = []

    def write(src: str, type: str, f: str, **fields: Any) -> None:
        told.append((f, fields["j"]))

    clock = StoreClock(lambda: 0.0)
    server = Server(Memory(clock), clock, write)
    settings = Record(kind=QUEUE, id="default", data=b'{"max_length":1,"overflow":"shed-lowest"}')
    await server.perform("put", ([settings],))
    # When a job makes room for another
    await server.perform("insert", ([NewJob(id=ID, task="t"), NewJob(id=OTHER, task="t", priority=90)],))
    # Then the history has its end
    assert told == [("insert", ID), ("insert", OTHER), ("cancel", ID)]
