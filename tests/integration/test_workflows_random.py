"""Random graphs against a model: which members run, how each ends, and what runs again after a requeue."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from abaca import Abort, App, Node, Status, When, Workflow

PATIENCE = 40
GRAPHS = 12
ENDS = (When.COMPLETED, When.COMPLETED, When.COMPLETED, When.ENDED, When.FAILED)


@dataclass
class Plan:
    """A graph by numbers: each member's edges, and which members fail when they are called."""

    edges: list[dict[int, When]]
    failing: set[int]
    ran: Counter[int] = field(default_factory=Counter)

    def states(self) -> list[Status]:
        """How each member ends, by the rules alone."""
        ends: list[Status] = []
        for number, edges in enumerate(self.edges):
            if not all(self._met(ends[parent], when) for parent, when in edges.items()):
                ends.append(Status.CANCELLED)
            else:
                ends.append(Status.FAILED if number in self.failing else Status.COMPLETED)
        return ends

    def _met(self, end: Status, when: When) -> bool:
        return when is When.ENDED or (when is When.COMPLETED) == (end is Status.COMPLETED)

    def is_compensation(self, number: int) -> bool:
        return When.FAILED in self.edges[number].values()

    def waited_for(self) -> list[int]:
        """The members that decide how the workflow ends."""
        behind = {parent for edges in self.edges for parent, when in edges.items() if when is not When.FAILED}
        return [number for number in range(len(self.edges)) if number not in behind or self.is_compensation(number)]

    def fell_short(self, number: int, end: Status, met: bool) -> bool:
        return end is not Status.COMPLETED and not (self.is_compensation(number) and not met)

    def outcome(self) -> Status:
        ends = self.states()
        for number in self.waited_for():
            met = all(self._met(ends[parent], when) for parent, when in self.edges[number].items())
            if self.fell_short(number, ends[number], met):
                return Status.FAILED
        return Status.COMPLETED

    def runs(self) -> Counter[int]:
        return Counter(number for number, end in enumerate(self.states()) if end is not Status.CANCELLED)

    def again(self) -> set[int]:
        """What a requeue runs or judges again."""
        ends = self.states()
        found: set[int] = set()
        for number, edges in enumerate(self.edges):
            met = all(self._met(ends[parent], when) for parent, when in edges.items())
            if self.fell_short(number, ends[number], met) or any(parent in found for parent in edges):
                found.add(number)
        return found


def random_plan(rng: random.Random) -> Plan:
    size = rng.randint(2, 12)
    edges = [
        {parent: rng.choice(ENDS) for parent in rng.sample(range(number), rng.randint(0, min(number, 3)))}
        for number in range(size)
    ]
    return Plan(edges, {number for number in range(size) if rng.random() < 0.25})


@pytest.mark.parametrize("seed", range(3))
async def test_random_graphs_end_as_the_model_says(store_url: str, seed: int) -> None:
    # Given random graphs with random failures, all at once
    rng = random.Random(seed)
    plans = [random_plan(rng) for _ in range(GRAPHS)]
    async with App(store_url) as app:

        @app.task
        async def member(graph: int, number: int) -> int:
            plans[graph].ran[number] += 1
            if number in plans[graph].failing:
                raise Abort("as planned")
            return number

        flows: list[tuple[Workflow, list[Node[int]]]] = []
        for graph, plan in enumerate(plans):
            flow = Workflow(f"graph-{graph}")
            nodes: list[Node[int]] = []
            for number, edges in enumerate(plan.edges):
                node = flow.add(member.call(graph, number))
                for parent, when in edges.items():
                    node.after(nodes[parent], when=when)
                nodes.append(node)
            flows.append((flow, nodes))
        handles = [await flow.enqueue() for flow, _ in flows]
        async with app.worker(process_slots=1):
            # When they have ended
            for plan, (flow, nodes), handle in zip(plans, flows, handles, strict=True):
                end = (await handle.outcome(PATIENCE)).status
                # Then each member ended and ran as the model says
                states = {job.id: job.status async for job in handle.members()}
                assert [states[flow.job(node).id] for node in nodes] == plan.states()
                assert plan.ran == plan.runs()
                assert end is plan.outcome()
            # And run again with the failures mended, what was at fault and what is behind it runs once more
            for plan, (flow, nodes), handle in zip(plans, flows, handles, strict=True):
                again = plan.again()
                if not again:
                    continue
                before = {number: status for number, status in enumerate(plan.states()) if number not in again}
                plan.failing.clear()
                plan.ran.clear()
                await handle.requeue()
                end = (await handle.outcome(PATIENCE)).status
                states = {job.id: job.status async for job in handle.members()}
                found = [states[flow.job(node).id] for node in nodes]
                assert found == plan.states()
                assert end is plan.outcome()
                assert plan.ran == Counter(number for number in again if found[number] is not Status.CANCELLED)
                assert all(found[number] is status for number, status in before.items())
