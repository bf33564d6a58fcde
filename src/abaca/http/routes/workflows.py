"""``/workflows`` and ``/groups``: jobs that wait for each other."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from abaca.checks import check_name
from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.errors import Code, conflict, invalid, not_found
from abaca.http.filters import jobs_of
from abaca.http.paging import Paging, opened, sealed
from abaca.http.replies import Answer, Items
from abaca.http.requests import ApiRequest
from abaca.http.routes.jobs import ResultView, result_view
from abaca.http.submitting import SubmitJob, new_job
from abaca.model import Job, Query, Status, When
from abaca.policy.builtin import JOIN
from abaca.views import JobView, job_views
from abaca.workflows.plan import Edges, Member, join_of, plan
from abaca.workflows.storing import Jobs

MOST_MEMBERS = 1000


class Waits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a member waits for: other members by name, and how each must end. With ``into`` the result of the one
    member, or with several the list of their results in this order, becomes that argument."""

    members: Annotated[list[str], Meta(min_length=1)]
    when: When = When.COMPLETED
    into: str | None = None


class NewMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``after`` names other members, all of which must complete before; ``waits`` says more of an edge."""

    name: str
    job: SubmitJob
    after: list[str] = []
    waits: list[Waits] = []


class NewWorkflow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Members in any order. ``name`` becomes the tag ``workflow:<name>`` of its final job."""

    members: Annotated[list[NewMember], Meta(min_length=1, max_length=MOST_MEMBERS)]
    name: str = "workflow"


class StoredWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` names the workflow; ``jobs`` are the ids of its members by name."""

    id: str
    jobs: dict[str, str]


class WorkflowView(msgspec.Struct, frozen=True, kw_only=True):
    """``total`` members, of which ``ended`` have; ``counts`` by status. ``final`` is the job in which it ends."""

    id: str
    status: Status
    total: int
    ended: int
    counts: dict[Status, int]
    final: JobView


class MemberResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a member ended. ``result`` is ``null`` while it has not, or where the member is gone."""

    index: int
    id: str
    result: ResultView | None


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """``changed``: whether, or how many of its jobs, were changed."""

    changed: int


_EXAMPLE = {
    "name": "thumbnails",
    "members": [
        {"name": "fetch", "job": {"task": "fetch", "args": {"url": "https://example.org/cat.png"}}},
        {"name": "resize", "job": {"task": "resize"}, "waits": [{"members": ["fetch"], "into": "path"}]},
    ],
}


@endpoint("POST", "/workflows", scope=Scope.WRITE, status=202, examples={"body": _EXAMPLE})
async def submit_workflow(request: ApiRequest, body: NewWorkflow) -> Answer[StoredWorkflow]:
    """Submit a graph of jobs, each of which starts when those that it waits for have ended.

    Its final job completes when every member has done its part. 422 for a cycle, with its members.
    """
    members = await _members(request, body.members)
    final = join_of(list(members.values()))
    final.tag(f"workflow:{check_name(body.name, 'workflow name')}")
    id = request.new_id(len(members))
    if id is not None:
        final.job = msgspec.structs.replace(final.job, id=id)
    stored = await Jobs(plan(list(members.values()), final)).store(request.app.client())
    answer = StoredWorkflow(id=stored, jobs={name: member.job.id for name, member in members.items()})
    return Answer(status=202, body=answer, headers={"Location": request.url(f"/workflows/{stored}")})


@endpoint("GET", "/workflows/{id}", scope=Scope.READ)
async def get_workflow(request: ApiRequest, id: str) -> WorkflowView:
    """Read how far a workflow or a group is."""
    final = await _final(request, id)
    handle = request.app.workflow(final.id)
    progress = await handle.progress()
    (view,) = await job_views(request, [final])
    return WorkflowView(
        id=final.id,
        status=await handle.status(),
        total=progress.total,
        ended=progress.ended,
        counts=progress.counts,
        final=view,
    )


@endpoint("GET", "/workflows/{id}/jobs", scope=Scope.READ)
async def workflow_jobs(request: ApiRequest, id: str, query: Paging) -> Items[JobView]:
    """List the members of a workflow."""
    final = await _final(request, id)
    found, position = await jobs_of(request, Query(parent=final.id), query.limit, query.cursor)
    jobs = [job for job in found if job.spec.task != JOIN and request.caller.sees(job)]
    return Items(items=await job_views(request, jobs), next_cursor=sealed(position))


@endpoint("POST", "/workflows/{id}/cancel", scope=Scope.WRITE)
async def cancel_workflow(request: ApiRequest, id: str) -> Changed:
    """Cancel every member that has not ended, the last ones first. 409 when all had ended."""
    final = await _final(request, id)
    if not await request.app.workflow(final.id).cancel():
        raise conflict(f"every job of workflow {final.id} had ended", status=final.status)
    return Changed(changed=1)


@endpoint("POST", "/workflows/{id}/requeue", scope=Scope.WRITE)
async def requeue_workflow(request: ApiRequest, id: str) -> Changed:
    """Run again what failed or was cancelled, and what comes after it. 409 when there is nothing of the kind."""
    final = await _final(request, id)
    return Changed(changed=await request.app.workflow(final.id).requeue())


@endpoint("GET", "/groups/{id}", scope=Scope.READ, tag="workflows")
async def get_group(request: ApiRequest, id: str) -> WorkflowView:
    """Read how far a group is."""
    view: WorkflowView = await get_workflow.handler(request, id)
    return view


@endpoint("GET", "/groups/{id}/results", scope=Scope.READ, tag="workflows")
async def group_results(request: ApiRequest, id: str, query: Paging) -> Items[MemberResult]:
    """Read the results of a group, page by page, in the order of its calls."""
    final = await _final(request, id)
    if final.purged:
        raise not_found(Code.WORKFLOW_NOT_FOUND, f"group {id} has ended, and its results are no longer kept")
    position = opened(query.cursor) or "0"
    start = int(position) if position.isdecimal() else 0
    ids = final.spec.parents[start : start + query.limit]
    jobs: list[Job | None] = await request.ask(lambda backend: backend.get(ids)) if ids else []
    whole = request.app.client().blobs.whole
    items = [
        MemberResult(
            index=start + n,
            id=member,
            result=None if job is None or not job.state.ended else result_view(await whole(job)),
        )
        for n, (member, job) in enumerate(zip(ids, jobs, strict=True))
    ]
    more = start + len(ids) < len(final.spec.parents)
    return Items(items=items, next_cursor=sealed(str(start + len(ids))) if more else None)


async def _final(request: ApiRequest, id: str) -> Job:
    """The final job, which names the workflow. Raises ``ApiError``: 404, also for a job that is of no workflow."""
    job = await request.job(id)
    if job.purged or job.spec.task == JOIN or job.spec.parent == job.id:
        return job
    raise not_found(Code.WORKFLOW_NOT_FOUND, f"job {id} is there, and ends no workflow")


async def _members(request: ApiRequest, asked: list[NewMember]) -> dict[str, Member]:
    members: dict[str, Member] = {}
    for number, one in enumerate(asked):
        where = f"members[{number}]"
        if one.name in members:
            raise invalid(f"two members are called {one.name!r}", f"{where}.name")
        if one.job.after is not None:
            raise invalid("a member waits for others by their names: give after or waits beside job", f"{where}.job")
        later = {waits.into for waits in one.waits if waits.into is not None}
        job, _ = await new_job(request, one.job, number, later)
        if job.key is not None:
            raise invalid("a member of a workflow cannot have a key: another job might stand for it", f"{where}.job")
        member = members[one.name] = Member(job, name=check_name(one.name, f"{where}, name"))
        member.tag(f"node:{one.name}")
    for number, one in enumerate(asked):
        members[one.name].edges += [_edges(members, waits, f"members[{number}]") for waits in _waits(one)]
    return members


def _waits(member: NewMember) -> list[Waits]:
    return [*([Waits(members=member.after)] if member.after else []), *member.waits]


def _edges(members: dict[str, Member], waits: Waits, where: str) -> Edges:
    for name in waits.members:
        if name not in members:
            raise invalid(f"there is no member {name!r} to wait for", f"{where}.after", members=sorted(members))
    parents = tuple(members[name] for name in waits.members)
    many: dict[str, Any] = {"many": True} if len(parents) > 1 else {}
    return Edges(parents, waits.when, into=waits.into, **many)


ENDPOINTS = (
    submit_workflow,
    get_workflow,
    workflow_jobs,
    cancel_workflow,
    requeue_workflow,
    get_group,
    group_results,
)
