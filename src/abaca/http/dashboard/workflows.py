"""Workflows: which there are, and a picture of one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from abaca.http.dashboard.charts.graph import NODE_WIDTH, Picture, draw, layers_of
from abaca.http.dashboard.desk import Desk
from abaca.http.dashboard.pages import Form, act, page
from abaca.http.dashboard.searching import first_jobs
from abaca.http.errors import ApiError, Code
from abaca.http.replies import Reply
from abaca.model import Job, Query, Status
from abaca.policy.builtin import JOIN
from abaca.views import workflow_of
from abaca.workflows.members import walk

LOOKED_AT = 2_000
MOST_NODES = 300
MOST_MEMBERS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node of the picture: one job, or ``number`` jobs of one task in one layer."""

    title: str
    says: str
    kind: str
    href: str
    number: int = 1
    counts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    picture: Picture
    boxes: dict[str, Box]
    counts: Counter[str]
    number: int
    is_grouped: bool
    left_out: bool


@page("/workflows")
async def list_workflows(desk: Desk) -> Reply:
    found = await first_jobs(desk, Query(owner=desk.owner), LOOKED_AT)
    counts: dict[str, Counter[str]] = {}
    for job in found.jobs:
        if (id := workflow_of(job)) is not None and job.spec.task != JOIN:
            counts.setdefault(id, Counter())[job.status.value] += 1
    ids = list(counts)[:200]
    finals: list[Job | None] = await desk.ask(lambda backend: backend.get(ids)) if ids else []
    rows = [(id, final, counts[id]) for id, final in zip(ids, finals, strict=True)]
    now = found.jobs[0].seen_at if found.jobs else None
    return desk.page("workflows.html", here="workflows", now=now, rows=rows, looked_at=len(found.jobs))


@page("/workflows/{id}")
async def show_workflow(desk: Desk, id: str) -> Reply:
    final = await desk.job(id)
    if workflow_of(final) != final.id:
        raise ApiError(404, Code.WORKFLOW_NOT_FOUND, f"job {id} ends no workflow")
    members, left_out = await _members(desk, final)
    return desk.page(
        "workflow.html",
        here="workflows",
        now=final.seen_at,
        final=final,
        graph=graph_of(desk, members, left_out=left_out),
        node_width=NODE_WIDTH,
        rows=members[:MOST_NODES],
    )


async def _members(desk: Desk, final: Job) -> tuple[list[Job], bool]:
    """Parents before children, as far as they are read."""
    members: list[Job] = []
    async for jobs in walk(desk.app.client(), final.id):
        members += jobs
        if len(members) >= MOST_MEMBERS:
            return members[::-1], True
    return members[::-1], False


def graph_of(desk: Desk, members: list[Job], *, left_out: bool) -> Graph:
    """Each member a box; where they are many, one box for all of a task in a layer."""
    ids = [job.id for job in members]
    edges = {(parent, job.id): edge.when.value for job in members for edge in job.spec.after for parent in edge.ids}
    counts = Counter(job.status.value for job in members if job.spec.task != JOIN)
    is_grouped = len(members) > MOST_NODES
    if is_grouped:
        layers = layers_of(ids, edges)
        name = {job.id: f"{layers[job.id]}:{job.spec.task}" for job in members}
        groups: dict[str, list[Job]] = {}
        for job in members:
            groups.setdefault(name[job.id], []).append(job)
        boxes = {key: _group(desk, jobs) for key, jobs in groups.items()}
        edges = {(name[a], name[b]): kind for (a, b), kind in edges.items() if a in name and b in name}
        picture = draw(list(groups), {pair: kind for pair, kind in edges.items() if pair[0] != pair[1]})
    else:
        boxes = {job.id: _box(desk, job) for job in members}
        picture = draw(ids, edges)
    return Graph(
        picture=picture,
        boxes=boxes,
        counts=counts,
        number=sum(counts.values()),
        is_grouped=is_grouped,
        left_out=left_out,
    )


def _box(desk: Desk, job: Job) -> Box:
    title = "all ended" if job.spec.task == JOIN else job.spec.task
    return Box(title=title, says=job.status.value, kind=job.status.value, href=desk.url(f"/jobs/{job.id}"))


def _group(desk: Desk, jobs: list[Job]) -> Box:
    if len(jobs) == 1:
        return _box(desk, jobs[0])
    counts = Counter(job.status.value for job in jobs)
    worst = next((status for status in _WORST_FIRST if status.value in counts), Status.COMPLETED)
    task = jobs[0].spec.task
    return Box(
        title=task,
        says=f"{len(jobs):,} jobs",
        kind=worst.value,
        href=desk.url("/jobs", task=task, parent=jobs[0].spec.parent or ""),
        number=len(jobs),
        counts=tuple(counts.most_common()),
    )


_WORST_FIRST = (
    Status.FAILED,
    Status.RETRYING,
    Status.RUNNING,
    Status.QUEUED,
    Status.BLOCKED,
    Status.SCHEDULED,
    Status.CANCELLED,
    Status.COMPLETED,
)


@act("/workflows/{id}/cancel")
async def cancel(desk: Desk, form: Form, id: str) -> Reply:
    final = await desk.job(id)
    done = await desk.app.workflow(final.id).cancel()
    words = "Every member that had not ended is cancelled." if done else "All members had ended already."
    return desk.see_other(f"/workflows/{final.id}", words)


@act("/workflows/{id}/requeue")
async def requeue(desk: Desk, form: Form, id: str) -> Reply:
    final = await desk.job(id)
    number = await desk.app.workflow(final.id).requeue()
    return desk.see_other(f"/workflows/{final.id}", f"{number:,} members run again.")


HANDLERS = (list_workflows, show_workflow, cancel, requeue)
