"""From members and the edges between them to the jobs that are stored: checked, parents first, one final job."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import msgspec

from abaca.backend import MAX_PARENTS
from abaca.client import Host
from abaca.codec import new_id
from abaca.errors import ConfigError
from abaca.model import After, NewJob, When
from abaca.policy.builtin import JOIN
from abaca.tasks import Call

_SHOWN = 10


@dataclass(slots=True, eq=False)
class Edges:
    """What a member waits for. ``into`` names the parameter that gets the result, or with ``many`` the results."""

    parents: tuple[Member, ...]
    when: When = When.COMPLETED
    into: str | None = None
    many: bool = False


@dataclass(slots=True, eq=False)
class Member:
    """One job to be, without its place in the workflow."""

    job: NewJob
    edges: list[Edges] = field(default_factory=list)
    name: str | None = None

    @property
    def label(self) -> str:
        return f"{self.name!r}" if self.name is not None else f"task {self.job.task!r}"

    def tag(self, tag: str) -> None:
        self.job = msgspec.structs.replace(self.job, tags=(*self.job.tags, tag))

    @property
    def is_compensation(self) -> bool:
        return any(edges.when is When.FAILED for edges in self.edges)


def member_of(call: Call[object], host: Host) -> Member:
    """Raises ``ConfigError`` for a call of another app's task, and for one with a key."""
    job = call.job_for(host)
    if job.key is not None:
        raise ConfigError(
            f"task {job.task!r}: a member of a workflow cannot have a key ({job.key!r}): another job might stand for it"
        )
    return Member(job)


def join_of(members: Sequence[Member]) -> Member:
    """The built-in job that waits for every end: of the members that nothing waits for, and of all compensations."""
    awaited = {parent for member in members for edges in _awaiting(member) for parent in edges.parents}
    waited_for = tuple(member for member in members if member not in awaited or member.is_compensation)
    like = members[0].job if members else NewJob(id="", task=JOIN)
    job = NewJob(
        id=new_id(),
        task=JOIN,
        lane="async",
        queue=like.queue,
        priority=like.priority,
        owner=like.owner,
        tenant=like.tenant,
    )
    return Member(job, [Edges(waited_for, When.ENDED)] if waited_for else [])


def _awaiting(member: Member) -> Iterable[Edges]:
    """The edges that stand for their parents in the join: a compensation says nothing about a parent that completed."""
    return (edges for edges in member.edges if edges.when is not When.FAILED)


def plan(members: Sequence[Member], final: Member) -> list[NewJob]:
    """The jobs of a workflow, parents first; its id is that of the last. Raises ``ConfigError`` naming the members."""
    everyone = [*members, final]
    _check_names(everyone)
    for member in everyone:
        _check_parents(member)
    ordered = _in_order(everyone)
    ordered.remove(final)
    ordered.append(final)
    return [_placed(member, final.job.id) for member in ordered]


def renewed(jobs: Sequence[NewJob], ids: Mapping[str, str]) -> list[NewJob]:
    """The same workflow with other ids for its jobs."""
    return [
        msgspec.structs.replace(
            job,
            id=ids[job.id],
            parent=ids[job.parent or ""],
            after=tuple(
                msgspec.structs.replace(edges, ids=tuple(ids.get(id, id) for id in edges.ids)) for edges in job.after
            ),
        )
        for job in jobs
    ]


def _placed(member: Member, workflow: str) -> NewJob:
    edges = [
        After(ids=tuple(parent.job.id for parent in edges.parents), when=edges.when, into=edges.into, many=edges.many)
        for edges in _merged(member.edges)
    ]
    return msgspec.structs.replace(member.job, after=(*member.job.after, *edges), parent=workflow)


def _merged(edges: Sequence[Edges]) -> list[Edges]:
    """Edges that pass nothing on are one for each kind of end."""
    merged = [each for each in edges if each.into is not None]
    for when in When:
        plain = [each.parents for each in edges if each.into is None and each.when is when]
        if plain:
            merged.append(Edges(tuple(chain.from_iterable(plain)), when))
    return merged


def _check_names(members: Sequence[Member]) -> None:
    calls = Counter(member.job.id for member in members)
    if len(calls) < len(members):
        twice = next(member for member in members if calls[member.job.id] > 1)
        raise ConfigError(
            f"workflow: {twice.label} is in it twice with the same call, which is one job; make two calls"
        )
    counts = Counter(member.name for member in members if member.name is not None)
    doubled = sorted(name for name, count in counts.items() if count > 1)
    if doubled:
        raise ConfigError(f"workflow: the name {doubled[0]!r} is given to {counts[doubled[0]]} members")


def _check_parents(member: Member) -> None:
    parents = [parent for edges in member.edges for parent in edges.parents]
    if len(parents) + len(member.job.parents) > MAX_PARENTS:
        raise ConfigError(
            f"workflow: {member.label} waits for {len(parents) + len(member.job.parents):,} members and the limit is "
            f"{MAX_PARENTS:,}; put some of them into workflows of their own"
        )
    if len(set(parents)) < len(parents):
        twice = next(parent for parent, count in Counter(parents).items() if count > 1)
        raise ConfigError(
            f"workflow: {member.label} waits for {twice.label} twice; one edge is enough, and one result is passed on "
            "to one parameter"
        )
    for edges in member.edges:
        for parent in edges.parents if edges.into is not None else ():
            if parent.job.keep is not None and parent.job.keep.completed_ms == 0:
                raise ConfigError(
                    f"workflow: {parent.label} stores no result (keep=0), and {member.label} takes it as {edges.into!r}"
                )


def _in_order(members: Sequence[Member]) -> list[Member]:
    """Parents before children, otherwise as they were added (Kahn, "Topological sorting of large networks", 1962)."""
    children: dict[Member, list[Member]] = {member: [] for member in members}
    missing: dict[Member, int] = {}
    for member in members:
        parents = [parent for edges in member.edges for parent in edges.parents]
        missing[member] = len(parents)
        for parent in parents:
            if parent not in children:
                raise ConfigError(f"workflow: {member.label} waits for {parent.label}, which is of another workflow")
            children[parent].append(member)
    ready = deque(member for member in members if not missing[member])
    ordered: list[Member] = []
    while ready:
        ordered.append(member := ready.popleft())
        for child in children[member]:
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    if len(ordered) < len(members):
        raise ConfigError(f"workflow: {_cycle(missing)} wait for each other in a cycle, so none of them would run")
    return ordered


def _cycle(missing: dict[Member, int]) -> str:
    """The labels of one cycle among the members that could not be ordered."""
    member = next(member for member, count in missing.items() if count)
    path: list[Member] = []
    while member not in path:
        path.append(member)
        member = next(parent for edges in member.edges for parent in edges.parents if missing[parent])
    labels = [each.label for each in path[path.index(member) :]]
    return ", ".join(labels[:_SHOWN]) + (f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else "")
