"""``Workflow``: any graph of jobs without a cycle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

from abaca.checks import check_name
from abaca.errors import ConfigError
from abaca.handle import UNTYPED, JobHandle
from abaca.model import NewJob, When
from abaca.options import Ending, check_ending
from abaca.sync import twin
from abaca.tasks import Call, Task
from abaca.workflows.calls import Source, as_task, call_with
from abaca.workflows.handle import WorkflowHandle
from abaca.workflows.plan import Edges, Member, join_of, member_of, plan
from abaca.workflows.steps import Step, Step2, Step3, Step4
from abaca.workflows.storing import Jobs

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Node(Source[R_co]):
    """One member of a workflow, and the result that it will have."""

    def __init__(self, member: Member, task: Task[..., R_co]) -> None:
        super().__init__((member,))
        self.member = member
        self.task = task

    @property
    def id(self) -> str:
        """The id of its job as planned; ``Workflow.job`` gives the job."""
        return self.member.job.id

    def after(self, *nodes: Node[Any], when: Ending = When.COMPLETED) -> Node[R_co]:
        """Start only once these have ended, and only if each ended as ``when`` asks. Answers this node.

        ``"completed"``: else this one and what waits for it are cancelled. ``"ended"``: run anyway. ``"failed"``: run
        only then, to make good. Raises ``ConfigError``.
        """
        if not nodes:
            raise ConfigError("Node.after(): it is given no nodes")
        self.member.edges.append(Edges(tuple(node.member for node in nodes), check_ending(when)))
        return self


def all_of(sources: Iterable[Source[R]], /) -> Source[list[R]]:
    """The results of several members as one list, in this order. Raises ``ConfigError``."""
    found = list(sources)
    if not found or any(source.many for source in found) or len({source.when for source in found}) > 1:
        raise ConfigError("all_of(): give nodes, or maybe(...) of nodes, and not both")
    return Source(tuple(parent for source in found for parent in source.parents), found[0].when, many=True)


def maybe(node: Node[R], /) -> Source[R | None]:
    """The result of a member, or ``None`` when it did not complete: what takes it runs anyway."""
    return Source(node.parents, When.ENDED)


class Workflow:
    """Jobs that wait for each other: ``add`` them, then ``enqueue``. ``name`` is a tag of the workflow's final job."""

    def __init__(self, name: str = "workflow") -> None:
        self.name = check_name(name, "Workflow(name)")
        self._nodes: list[Node[Any]] = []
        self._stored: Jobs | None = None

    @overload
    def add(self, call: Call[R], /, *, name: str | None = None) -> Node[R]: ...
    @overload
    def add(
        self, task: Step[A, R], first: Source[A] | A, /, *, given: Mapping[str, Any] = ..., name: str | None = None
    ) -> Node[R]: ...
    @overload
    def add(
        self,
        task: Step2[A, B, R],
        first: Source[A] | A,
        second: Source[B] | B,
        /,
        *,
        given: Mapping[str, Any] = ...,
        name: str | None = None,
    ) -> Node[R]: ...
    @overload
    def add(
        self,
        task: Step3[A, B, C, R],
        first: Source[A] | A,
        second: Source[B] | B,
        third: Source[C] | C,
        /,
        *,
        given: Mapping[str, Any] = ...,
        name: str | None = None,
    ) -> Node[R]: ...
    @overload
    def add(
        self,
        task: Step4[A, B, C, D, R],
        first: Source[A] | A,
        second: Source[B] | B,
        third: Source[C] | C,
        fourth: Source[D] | D,
        /,
        *,
        given: Mapping[str, Any] = ...,
        name: str | None = None,
    ) -> Node[R]: ...
    def add(self, task: Any, /, *args: Any, given: Mapping[str, Any] | None = None, name: str | None = None) -> Any:
        """Add a call, or a task with its arguments, each a value or what another member will return.

        ``given`` are further arguments by name. ``name`` is for messages and becomes the tag ``node:<name>``. Type
        checkers compare positional arguments with the task's parameters; ``given`` is checked here, and results where
        they arrive. Raises ``ArgumentError``, ``PayloadTooLarge``, ``ConfigError``.
        """
        if self._stored is not None:
            raise ConfigError(f"workflow {self.name!r}: it is built already; nothing can be added")
        if isinstance(task, Call):
            call, later = task, dict[str, Source[Any]]()
        else:
            call, later = call_with(as_task(task), args, given or {})
        member = member_of(call, (self._nodes[0].task if self._nodes else call.task).host)
        member.edges += [source.edges(into) for into, source in later.items()]
        if name is not None:
            member.name = check_name(name, f"workflow {self.name!r}, name")
            member.tag(f"node:{name}")
        node = Node(member, call.task)
        self._nodes.append(node)
        return node

    @property
    def jobs(self) -> list[NewJob]:
        """The jobs as they will be stored, parents first. Raises ``ConfigError`` for a graph that cannot run."""
        return self._jobs().jobs

    async def enqueue(self) -> WorkflowHandle[None]:
        """Store all of it. Its final job completes when every member has done its part, and fails otherwise.

        Raises ``ConfigError`` for a graph that cannot run (a cycle, a name twice, too many parents, a key, a result
        that is not kept), and what ``Chain.enqueue`` raises.
        """
        jobs, host = self._jobs(), self._nodes[0].task.host
        return WorkflowHandle(host, await jobs.store(host.client()), UNTYPED)

    def job(self, node: Node[R]) -> JobHandle[R]:
        """The job of a node, once the workflow is enqueued."""
        return node.task.job(self._jobs().id_of(node.id))

    enqueue_sync = twin(enqueue)

    def _jobs(self) -> Jobs:
        if self._stored is None:
            if not self._nodes:
                raise ConfigError(f"workflow {self.name!r}: it has no members; nothing was enqueued")
            members = [node.member for node in self._nodes]
            final = join_of(members)
            final.tag(f"workflow:{self.name}")
            self._stored = Jobs(plan(members, final))
        return self._stored
