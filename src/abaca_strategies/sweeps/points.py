"""The points of a sweep: every combination, or random ones from a seed."""

from __future__ import annotations

import itertools
import math
import operator
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from abaca_strategies.failures import StrategyError

MAX_POINTS = 10_000
_TEXT = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|==|!=|<|>)\s*([A-Za-z_]\w*|[-+]?\d+(?:\.\d+)?)\s*")
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

Point = dict[str, Any]


@dataclass(frozen=True)
class Constraint:
    """Two parameters, or one and a number, compared: ``fast < slow``."""

    left: str
    sign: str
    right: str

    @classmethod
    def parse(cls, text: str) -> Constraint:
        match = _TEXT.fullmatch(text)
        if match is None:
            raise StrategyError(f"{text!r} is no constraint; write two parameters compared, such as 'fast < slow'")
        return cls(match[1], match[2], match[3])

    def is_known(self, values: Mapping[str, Any]) -> bool:
        """Whether what it compares is there and no None."""
        sides = [name for name in (self.left, self.right) if name == self.left or name in values]
        return all(values.get(name) is not None for name in sides)

    def holds(self, point: Mapping[str, Any]) -> bool:
        if self.left not in point:
            raise StrategyError(f"the constraint on {self.left!r} names a parameter that the sweep does not have")
        if self.right in point:
            right = point[self.right]
        else:
            try:
                right = float(self.right)
            except ValueError:
                raise StrategyError(f"the constraint names {self.right!r}, which the sweep does not have") from None
        return _COMPARED[self.sign](point[self.left], right)


@dataclass(frozen=True)
class Span:
    """A range of numbers to draw from, both ends included. Whole ends and no ``log`` give whole numbers."""

    low: float
    high: float
    log: bool = False
    """Draw evenly in the logarithm; for what ranges over several sizes."""

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise StrategyError(
                f"a span from {self.low} to {self.high}: low has to be below high, and above 0 with log"
            )

    def draw(self, source: random.Random) -> float | int:
        if self.log:
            return math.exp(source.uniform(math.log(self.low), math.log(self.high)))
        if isinstance(self.low, int) and isinstance(self.high, int):
            return source.randint(self.low, self.high)
        return source.uniform(self.low, self.high)


def grid(space: Mapping[str, Sequence[Any]], constraints: Iterable[str] = (), *, most: int = MAX_POINTS) -> list[Point]:
    """Every combination that the constraints allow, the last parameter changing fastest.

    Raises ``StrategyError`` where more than ``most`` are left, and for a parameter without values.
    """
    rules = [Constraint.parse(text) for text in constraints]
    if empty := [name for name, values in space.items() if not len(values)]:
        raise StrategyError(f"the parameter {empty[0]!r} of the sweep has no values")
    total = math.prod(len(values) for values in space.values())
    if total > 100 * most:
        raise StrategyError(f"the grid has {total} combinations; at most {most} may be left after its constraints")
    found = []
    for values in itertools.product(*space.values()):
        point = dict(zip(space, values, strict=True))
        if all(rule.holds(point) for rule in rules):
            found.append(point)
            if len(found) > most:
                raise StrategyError(f"the grid has more than {most} points; take fewer values or random points")
    return found


def random_points(
    space: Mapping[str, Sequence[Any] | Span], count: int, seed: int, constraints: Iterable[str] = ()
) -> list[Point]:
    """``count`` different points from a seed, fewer where the space has no more. The same arguments give the same
    points."""
    if not 1 <= count <= MAX_POINTS:
        raise StrategyError(f"{count} random points: ask for 1 to {MAX_POINTS}")
    rules = [Constraint.parse(text) for text in constraints]
    source, found, seen = random.Random(seed), list[Point](), set[tuple[Any, ...]]()
    for _ in range(200 * count):
        point = {name: v.draw(source) if isinstance(v, Span) else source.choice(v) for name, v in space.items()}
        key = tuple(point.values())
        if key not in seen and all(rule.holds(point) for rule in rules):
            seen.add(key)
            found.append(point)
            if len(found) == count:
                break
    return found
