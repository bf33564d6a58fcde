"""What must hold whatever the order in which clients were served, and a replay in the order that epochs give."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from abaca.backend import Backend
from abaca.clock import ManualClock
from abaca.model import Job, Lease, NewJob, Settle, State, Stats, Verdict, Want
from abaca.testing.clients import Event

_LEASE = Lease(worker="replay", ms=1000)


def violations(events: Sequence[Event], jobs: Sequence[Job], stats: Stats) -> list[str]:
    """Every broken promise of a run in which each job was to end once, as lines for people; none is right."""
    by_job: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_job[event.id].append(event)
    broken: list[str] = []
    for job in jobs:
        own = by_job[job.id]
        broken += [f"job {job.id}: {line}" for line in (*_holders(own), *_late(own), *_ends(job, own))]
    broken += _counts(jobs, stats)
    return broken


def _of(events: Iterable[Event], kind: str) -> list[Event]:
    return [event for event in events if event.kind == kind]


def _holders(events: Sequence[Event]) -> Iterator[str]:
    """No two holders of one epoch, and epochs that rise as time goes by."""
    claims = _of(events, "claim")
    for epoch, count in Counter(claim.epoch for claim in claims).items():
        if count > 1:
            yield f"epoch {epoch} was given out {count} times"
    for earlier in claims:
        for later in claims:
            if earlier.ended < later.began and earlier.epoch >= later.epoch:
                yield f"epoch {later.epoch} was claimed after epoch {earlier.epoch}"


def _late(events: Sequence[Event]) -> Iterator[str]:
    """Nobody acts for a run after a later one was given out."""
    claims = _of(events, "claim")
    for event in events:
        acted = event.verdict is Verdict.APPLIED if event.kind == "settle" else event.kind == "beat" and event.alive
        if acted and event.kind == "settle" and _repeats(event, events):
            continue
        if acted and any(claim.epoch > event.epoch and claim.ended < event.began for claim in claims):
            yield f"a {event.kind} at epoch {event.epoch} was accepted after a later claim"
        if acted and not any(claim.epoch == event.epoch for claim in claims):
            yield f"a {event.kind} at epoch {event.epoch} was accepted, which nobody was given"


def _repeats(event: Event, events: Sequence[Event]) -> bool:
    """Whether the same client had sent the same settle before: to that the store answers as it did."""
    return any(
        other is not event and other.client == event.client and other.to == event.to and other.epoch == event.epoch
        for other in events[: events.index(event)]
    )


def _ends(job: Job, events: Sequence[Event]) -> Iterator[str]:
    """One end, by one run, whose result is the one stored."""
    applied = [event for event in _of(events, "settle") if event.verdict is Verdict.APPLIED and event.to is not None]
    by_epoch: dict[int, set[tuple[State, bytes | None]]] = defaultdict(set)
    for event in applied:
        if event.to is not None:
            by_epoch[event.epoch].add((event.to.target, event.to.result))
    for epoch, ways in by_epoch.items():
        if len(ways) > 1:
            yield f"epoch {epoch} was settled in {len(ways)} ways"
    ends = [(epoch, result) for epoch, ways in by_epoch.items() for state, result in ways if state.ended]
    if len(ends) != 1:
        yield f"it ended {len(ends)} times"
    elif (job.epoch, job.result) != ends[0]:
        yield f"its record says epoch {job.epoch} and {job.result!r}, the accepted end {ends[0]}"
    if not job.state.ended:
        yield f"it is {job.state.name} after the run"


def _counts(jobs: Sequence[Job], stats: Stats) -> Iterator[str]:
    recount = Counter(job.state.name.lower() for job in jobs if job.state.ended)
    if {name: count for name, count in stats.totals.items() if count} != recount:
        yield f"totals are {stats.totals}, a recount gives {dict(recount)}"
    running = sum(job.state is State.RUNNING for job in jobs)
    if stats.running != running:
        yield f"{stats.running} running are counted, a recount gives {running}"
    waiting = sum(job.state is State.WAITING for job in jobs)
    counted = sum(queue.due + queue.later + queue.blocked for queue in stats.queues)
    if counted != waiting:
        yield f"{counted} waiting are counted, a recount gives {waiting}"


def miscounted(jobs: Sequence[Job]) -> list[str]:
    """Jobs whose counts of parents differ from a recount, in a store that holds these jobs and has deleted none.

    A job that waits with neither open nor unmet parents has gone on, whatever became of a parent since.
    """
    states = {job.id: job.state for job in jobs}
    broken: list[str] = []
    for job in jobs:
        if job.state is not State.WAITING or not (job.open_parents or job.unmet):
            continue
        edges = [(states.get(parent), edge.when) for edge in job.spec.after for parent in edge.ids]
        opened = sum(state is not None and not state.ended for state, _ in edges)
        unmet = sum(state is None or (state.ended and not when.met_by(state)) for state, when in edges)
        if (job.open_parents, job.unmet) != (opened, unmet):
            counts = f"{job.open_parents} open and {job.unmet} unmet parents, a recount gives {opened} and {unmet}"
            broken.append(f"job {job.id}: it counts {counts}")
    return broken


def out_of_order(claims: Sequence[Event], place: Mapping[str, int]) -> list[str]:
    """Claims that overtook: jobs given out after others that stand behind them, when nothing ever goes back."""
    calls: dict[tuple[str, int], list[Event]] = defaultdict(list)
    for claim in claims:
        calls[claim.client, claim.began].append(claim)
    ordered = sorted(calls.values(), key=lambda call: call[0].ended)
    broken: list[str] = []
    for number, call in enumerate(ordered):
        places = [place[claim.id] for claim in call]
        if places != sorted(places):
            broken.append(f"one claim was answered in the order {places}")
        for earlier in ordered[:number]:
            behind = max(place[claim.id] for claim in earlier)
            if earlier[0].ended < call[0].began and behind > min(places):
                broken.append(f"job {min(places)} was given out after job {behind}")
    return broken


async def replay(
    specs: Sequence[NewJob], events: Sequence[Event], jobs: Sequence[Job], oracle: Backend, clock: ManualClock
) -> list[str]:
    """Run each job's history again on an oracle and compare verdicts and records; answers what differs.

    No store of this project can be asked for the order in which it committed calls. The epochs give it for each job:
    claims by epoch, an accepted settle before the next claim, a refused one after whatever made it stale. Between
    different jobs the order stays unknown, and is not judged.
    """
    by_id = {job.id: job for job in jobs}
    broken: list[str] = []
    for spec in specs:
        own = [event for event in events if event.id == spec.id]
        await oracle.insert([spec])
        for epoch in range(1, by_id[spec.id].epoch + 1):
            await _claim_again(oracle, clock)
            broken += await _settle_again(oracle, spec.id, epoch, own)
        (again,) = await oracle.get([spec.id])
        expected, given = _essence(again), _essence(by_id[spec.id])
        if expected != given:
            broken.append(f"job {spec.id}: the replay ends with {expected}, the store with {given}")
    return broken


async def _claim_again(oracle: Backend, clock: ManualClock) -> None:
    answer = await oracle.exchange([], Want(queues=("default",), slots={"": 1}), _LEASE)
    if not answer.jobs:
        clock.advance(_LEASE.ms / 1000)
        await oracle.reclaim(1, _LEASE)


async def _settle_again(oracle: Backend, id: str, epoch: int, events: Sequence[Event]) -> list[str]:
    """The accepted settles of one epoch, then the refused ones that were refused because of them."""
    settles = [event for event in _of(events, "settle") if event.epoch == epoch and event.to is not None]
    accepted = [event for event in settles if event.verdict is Verdict.APPLIED]
    refused = [event for event in settles if event.verdict is not Verdict.APPLIED] if accepted else []
    broken: list[str] = []
    for event in accepted + refused:
        if event.to is None:
            continue
        answer = await oracle.exchange([Settle(id=id, epoch=epoch, to=event.to)], None, _LEASE)
        if answer.verdicts != [event.verdict]:
            broken.append(f"job {id}: a settle at epoch {epoch} heard {event.verdict!r}, the replay {answer.verdicts}")
    return broken


def _essence(job: Job | None) -> tuple[object, ...] | None:
    """What does not depend on time or on who asked."""
    if job is None:
        return None
    return (job.state, job.epoch, job.revision, job.attempts, job.losses, job.memo, job.result, job.error)
