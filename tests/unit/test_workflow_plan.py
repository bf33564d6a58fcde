"""What is refused before anything is stored, with the names, and what the stored jobs look like."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from abaca import App, ArgumentError, ConfigError, Limit, Workflow, all_of, chain, group, maybe
from abaca.backend import MAX_PARENTS
from abaca.model import After, When
from abaca.policy.builtin import JOIN
from abaca.workflows.plan import Edges, Member, plan

app = App("memory://")


@app.task(queue="fast", priority=80)
async def fetch(n: int) -> int:
    return n


@app.task
async def double(n: int, by: int = 2) -> int:
    return n * by


@app.task
async def pair(left: int, right: int) -> int:
    return left + right


@app.task
def total(ns: list[int]) -> int:
    return sum(ns)


@app.task
def tolerant(ns: list[int | None]) -> int:
    return len(ns)


@app.task(keep=0)
async def silent(n: int) -> int:
    return n


@app.task
def variadic(*ns: int) -> int:
    return sum(ns)


@app.task(limits=[Limit(concurrency=1, per="n")])
async def limited(n: int) -> int:
    return n


def test_a_chain_passes_each_result_into_the_first_parameter_of_the_next() -> None:
    # When a chain is built
    jobs = chain(fetch.call(1), double, double.opts(priority=70)).jobs
    # Then each waits for the one before, and the last is the workflow
    first, second, last = jobs
    assert (first.after, first.args) == ((), b'{"n":1}')
    assert second.after == (After(ids=(first.id,), into="n"),)
    assert last.after == (After(ids=(second.id,), into="n"),)
    assert second.args == b"{}"
    assert last.priority == 70
    assert {job.parent for job in jobs} == {last.id}


def test_then_leaves_the_shorter_chain_as_it_was() -> None:
    short = chain(fetch.call(1))
    longer = short.then(double)
    assert [job.task for job in short.jobs] == ["fetch"]
    assert [job.task for job in longer.jobs] == ["fetch", "double"]


def test_a_group_ends_in_a_built_in_job_that_waits_for_every_end() -> None:
    # When a group is built
    *members, join = group(fetch.call(n) for n in range(3)).jobs
    # Then the built-in job waits for all of them however they end, where they are served
    assert join.after == (After(ids=tuple(job.id for job in members), when=When.ENDED),)
    assert (join.task, join.queue, join.priority, join.lane) == (JOIN, "fast", 80, "async")
    assert {job.parent for job in (*members, join)} == {join.id}


def test_a_chord_passes_the_list_of_results() -> None:
    *members, last = group(fetch.call(n) for n in range(3)).then(total).jobs
    ids = tuple(job.id for job in members)
    assert last.after == (After(ids=ids, into="ns", many=True),)
    *_, tolerates = group(fetch.call(n) for n in range(3)).then(tolerant, when="ended").jobs
    assert tolerates.after[0].when is When.ENDED


def test_a_group_of_nothing_leads_to_an_empty_list_and_cannot_stand_alone() -> None:
    (job,) = group(fetch.call(n) for n in range(0)).then(total).jobs
    assert (job.args, job.after) == (b'{"ns":[]}', ())
    with pytest.raises(ConfigError, match="no calls"):
        group(fetch.call(n) for n in range(0)).enqueue_sync()


def test_a_graph_is_ordered_parents_first_and_its_join_sees_ends_and_compensations() -> None:
    # Given a diamond whose left side has a compensation
    flow = Workflow("order")
    top = flow.add(fetch.call(1), name="top")
    left = flow.add(double, top, name="left")
    right = flow.add(double, top, given={"by": 3}, name="right")
    both = flow.add(pair, left, right, name="both")
    undo = flow.add(fetch.call(9), name="undo").after(left, when="failed")
    # When it is built
    jobs = {next(iter(job.tags)): job for job in flow.jobs}
    # Then parents come first, edges say what they ask for, and the join waits for the ends
    order = [next(iter(job.tags)) for job in flow.jobs]
    assert order.index("node:top") < order.index("node:left") < order.index("node:both")
    assert order[-1] == "workflow:order"
    assert jobs["node:right"].args == b'{"by":3}'
    assert jobs["node:both"].after == (After(ids=(left.id,), into="left"), After(ids=(right.id,), into="right"))
    assert jobs["node:undo"].after == (After(ids=(left.id,), when=When.FAILED),)
    assert set(jobs["workflow:order"].parents) == {both.id, undo.id}


def test_a_member_that_only_compensations_follow_is_an_end_too() -> None:
    flow = Workflow()
    charge = flow.add(fetch.call(1))
    undo = flow.add(fetch.call(2)).after(charge, when="failed")
    assert set(flow.jobs[-1].parents) == {charge.id, undo.id}


def test_several_results_go_into_one_parameter_and_may_be_missing() -> None:
    flow = Workflow()
    nodes = [flow.add(fetch.call(n)) for n in range(3)]
    all_in = flow.add(total, all_of(nodes))
    some = flow.add(tolerant, all_of(maybe(node) for node in nodes))
    jobs = {job.id: job for job in flow.jobs}
    ids = tuple(node.id for node in nodes)
    assert jobs[all_in.id].after == (After(ids=ids, into="ns", many=True),)
    assert jobs[some.id].after == (After(ids=ids, when=When.ENDED, into="ns", many=True),)


def test_edges_that_pass_nothing_are_one_for_each_kind_of_end() -> None:
    flow = Workflow()
    a, b, c = (flow.add(fetch.call(n)) for n in range(3))
    last = flow.add(fetch.call(9)).after(a).after(b).after(c, when="ended")
    job = next(job for job in flow.jobs if job.id == last.id)
    assert job.after == (After(ids=(a.id, b.id)), After(ids=(c.id,), when=When.ENDED))


def test_a_member_may_wait_for_a_job_from_outside() -> None:
    outside = fetch.call(0)
    first, _ = chain(fetch.opts(after=outside).call(1), double).jobs
    assert first.after == (After(ids=(outside.id,)),)


def cycle(flow: Workflow) -> None:
    a, b = flow.add(fetch.call(1), name="egg"), flow.add(fetch.call(2), name="hen")
    a.after(b)
    b.after(a)


def itself(flow: Workflow) -> None:
    node = flow.add(fetch.call(1), name="narcissus")
    node.after(node)


def same_name(flow: Workflow) -> None:
    flow.add(fetch.call(1), name="a")
    flow.add(fetch.call(2), name="a")


def same_parent(flow: Workflow) -> None:
    node = flow.add(fetch.call(1), name="x")
    flow.add(pair, node, node, name="y")


def other_workflow(flow: Workflow) -> None:
    stranger = Workflow().add(fetch.call(1), name="stranger")
    flow.add(double, stranger, name="y")


def no_result(flow: Workflow) -> None:
    flow.add(double, flow.add(silent, 1))


def key(flow: Workflow) -> None:
    flow.add(fetch.opts(key="k").call(1))


def unique(flow: Workflow) -> None:
    flow.add(double.opts(unique="1m"), flow.add(fetch.call(1)))


def nothing(flow: Workflow) -> None: ...


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (cycle, ["'egg'", "'hen'", "cycle"]),
        (itself, ["'narcissus'", "cycle"]),
        (same_name, ["'a'", "2 members"]),
        (same_parent, ["'y'", "'x'", "twice"]),
        (other_workflow, ["'y'", "'stranger'", "another workflow"]),
        (no_result, ["task 'silent'", "keep=0", "'n'"]),
        (key, ["task 'fetch'", "key"]),
        (unique, ["task 'double'", "key"]),
        (nothing, ["no members"]),
    ],
)
def test_a_graph_that_cannot_run_is_refused_with_the_names(build: Callable[[Workflow], None], words: list[str]) -> None:
    def build_and_enqueue() -> None:
        flow = Workflow()
        build(flow)
        flow.enqueue_sync()

    with pytest.raises(ConfigError) as refused:
        build_and_enqueue()
    assert [word for word in words if word not in str(refused.value)] == []


def test_calls_that_cannot_take_a_result_are_refused_with_the_names() -> None:
    flow = Workflow()
    node = flow.add(fetch.call(1))
    with pytest.raises(ConfigError, match=r"task 'total', argument 'ns': .*all_of"):
        flow.add(total, [node])  # type: ignore[misc]
    with pytest.raises(ConfigError, match=r"task 'variadic', argument 'ns'"):
        chain(fetch.call(1), variadic)
    with pytest.raises(ConfigError, match=r"task 'limited'.*per='n'"):
        chain(fetch.call(1), limited)
    with pytest.raises(ArgumentError, match="'right'"):
        chain(fetch.call(1), pair)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="'by'"):
        flow.add(double, node, given={"by": "x"})
    with pytest.raises(ConfigError, match="is no task"):
        chain(fetch.call(1), len)  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="all_of"):
        all_of([])


def test_one_call_is_one_job_and_not_two_members() -> None:
    call = fetch.call(1)
    with pytest.raises(ConfigError, match="task 'fetch' is in it twice"):
        group([call, fetch.call(2), call]).enqueue_sync()


def test_a_call_of_another_app_is_refused() -> None:
    other = App("memory://", name="other")

    @other.task
    async def foreign(n: int) -> int:
        return n

    with pytest.raises(ConfigError, match="'foreign' belongs to"):
        chain(fetch.call(1), foreign)


def test_more_parents_than_a_job_may_have_are_refused() -> None:
    members = [Member(fetch.call(1).job) for _ in range(MAX_PARENTS + 1)]
    with pytest.raises(ConfigError, match=r"10,001 members and the limit is 10,000"):
        plan(members, Member(fetch.call(1).job, [Edges(tuple(members))]))


def test_a_graph_that_is_built_takes_no_more_members() -> None:
    flow = Workflow()
    flow.add(fetch.call(1))
    assert len(flow.jobs) == 2
    with pytest.raises(ConfigError, match="built already"):
        flow.add(fetch.call(2))
