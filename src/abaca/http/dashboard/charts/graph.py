"""A picture of a graph without cycles: layers from left to right, neighbours near each other, curves between them.

Layers are longest paths; the order inside a layer comes from sweeps that move each node to the middle of its neighbours
(Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NODE_WIDTH = 184
_HEIGHT, _SMALL_HEIGHT = 44, 27
_GAP_X = 64
_GAP_Y, _SMALL_GAP_Y = 16, 7
_MOST_LARGE = 8
"""With more nodes than these in a layer, all are small."""
_MARGIN = 8
_SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Node:
    id: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Edge:
    """``kind`` is what the caller named it; ``path`` is the curve."""

    start: str
    end: str
    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Picture:
    """``is_small``: there is room for one line of text in a node."""

    is_small: bool
    node_height: int
    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


Edges = Mapping[tuple[str, str], str]
"""From and to, and the kind of each edge. Ends that are no node are left out."""


def layers_of(ids: Sequence[str], edges: Edges) -> dict[str, int]:
    """The longest way from a beginning to each node; what is on a circle, which there should not be, is in layer 0."""
    children: dict[str, list[str]] = {id: [] for id in ids}
    missing = dict.fromkeys(ids, 0)
    for start, end in edges:
        if start in children and end in children:
            children[start].append(end)
            missing[end] += 1
    layer = dict.fromkeys(ids, 0)
    ready = deque(id for id in ids if not missing[id])
    while ready:
        id = ready.popleft()
        for child in children[id]:
            layer[child] = max(layer[child], layer[id] + 1)
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    return layer


def draw(ids: Sequence[str], edges: Edges) -> Picture:
    """Place every node and edge."""
    layer = layers_of(ids, edges)
    columns: list[list[str]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for id in ids:
        columns[layer[id]].append(id)
    known = {pair: kind for pair, kind in edges.items() if pair[0] in layer and pair[1] in layer}
    is_small = max(map(len, columns)) > _MOST_LARGE
    height, gap = (_SMALL_HEIGHT, _SMALL_GAP_Y) if is_small else (_HEIGHT, _GAP_Y)
    y = _placed(columns, known, height + gap)
    x = {id: _MARGIN + layer[id] * (NODE_WIDTH + _GAP_X) for id in ids}
    return Picture(
        is_small=is_small,
        node_height=height,
        width=2 * _MARGIN + len(columns) * NODE_WIDTH + (len(columns) - 1) * _GAP_X,
        height=2 * _MARGIN + max((value for value in y.values()), default=0) + height,
        nodes=tuple(Node(id, x[id], round(y[id] + _MARGIN, 1)) for id in ids),
        edges=tuple(
            Edge(start, end, kind, _curve(x[start], y[start] + height / 2, x[end], y[end] + height / 2))
            for (start, end), kind in known.items()
        ),
    )


def _placed(columns: list[list[str]], edges: Edges, step: float) -> dict[str, float]:
    near: dict[str, tuple[list[str], list[str]]] = {id: ([], []) for column in columns for id in column}
    for start, end in edges:
        near[end][0].append(start)
        near[start][1].append(end)
    y = {id: float(at * step) for column in columns for at, id in enumerate(column)}
    for sweep in range(_SWEEPS):
        side = sweep % 2
        for column in columns if side == 0 else reversed(columns):
            wanted = {id: _middle([y[other] for other in near[id][side]], y[id]) for id in column}
            column.sort(key=lambda id, wanted=wanted: wanted[id])  # type: ignore[misc]
            _settle(column, wanted, y, step)
    top = min(y.values(), default=0.0)
    return {id: value - top for id, value in y.items()}


def _settle(column: list[str], wanted: Mapping[str, float], y: dict[str, float], step: float) -> None:
    """Each as near as may be to where it wants to be, none nearer to another than a step: runs that would overlap are
    laid side by side around the mean of what they want."""
    runs: list[tuple[float, list[str]]] = []
    for id in column:
        begin, members = wanted[id], [id]
        while runs and runs[-1][0] + len(runs[-1][1]) * step > begin:
            before, others = runs.pop()
            total = before * len(others) + (begin - len(others) * step) * len(members)
            begin, members = total / (len(others) + len(members)), [*others, *members]
        runs.append((begin, members))
    for begin, members in runs:
        for at, id in enumerate(members):
            y[id] = begin + at * step


def _middle(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    begin, end = x1 + NODE_WIDTH, x2
    top, bottom = y1 + _MARGIN, y2 + _MARGIN
    bend = max(24.0, (end - begin) / 2)
    return f"M{begin:g} {top:.1f}C{begin + bend:g} {top:.1f} {end - bend:g} {bottom:.1f} {end:g} {bottom:.1f}"
