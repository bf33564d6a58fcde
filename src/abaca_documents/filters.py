"""Filters on metadata: read once, then either asked of a mapping or compiled to SQL. Both answer the same.

A filter is a mapping of conditions that all hold: ``{"year": {"$gte": 2020}, "tags": "tax"}``.

* ``name: value`` means ``name: {"$eq": value}``; ``a.b`` reaches into nested mappings.
* ``$eq $ne $gt $gte $lt $lte $in $nin $exists $contains`` stand below a name, ``$not`` below a name or in its place,
  ``$and $or`` take lists of filters.
* Values are equal when they are of one type and equal: 1 and 1.0 are, 1 and true are not, 1 and "1" are not.
* ``$eq`` and ``$in`` match a list where one of its elements does. ``$ne`` and ``$nin`` are their opposites, so they
  also match where the name is missing.
* Order is between two numbers or two texts (by code point); anything else is in no order, and does not match.
* ``$contains`` is an element of a list, or a part of a text as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any

from abaca_documents.errors import ValidationError

Scalar = str | int | float | bool | None
DEEPEST = 20
MOST = 500
ORDER: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "$gt": (gt, ">"),
    "$gte": (ge, ">="),
    "$lt": (lt, "<"),
    "$lte": (le, "<="),
}
OPERATORS = ("$eq", "$ne", *ORDER, "$in", "$nin", "$exists", "$contains", "$not")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any_:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class OneOf:
    path: tuple[str, ...]
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Ordered:
    path: tuple[str, ...]
    operator: str
    value: str | int | float


@dataclass(frozen=True, slots=True)
class Exists:
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    path: tuple[str, ...]
    value: Scalar


Node = All | Any_ | Not | OneOf | Ordered | Exists | Contains


def read_filter(given: Mapping[str, Any], field: str = "filter") -> Node:
    """Raises ``ValidationError`` naming the place in the filter that cannot be used."""
    return _Reader().filter(given, field, 0)


class _Reader:
    def __init__(self) -> None:
        self.count = 0

    def filter(self, given: object, field: str, depth: int) -> Node:
        if not isinstance(given, Mapping):
            raise ValidationError(field, "it is no mapping of names to conditions")
        if depth > DEEPEST:
            raise ValidationError(field, f"it is nested more than {DEEPEST} deep")
        return All(tuple(self.entry(name, value, field, depth) for name, value in given.items()))

    def entry(self, name: object, value: object, field: str, depth: int) -> Node:
        place = f"{field}.{name}"
        if name in ("$and", "$or"):
            if not isinstance(value, list | tuple) or not value:
                raise ValidationError(place, "it takes a list of filters, at least one")
            parts = tuple(self.filter(each, f"{place}[{at}]", depth + 1) for at, each in enumerate(value))
            return All(parts) if name == "$and" else Any_(parts)
        if name == "$not":
            return Not(self.filter(value, place, depth + 1))
        if not isinstance(name, str) or not name or name.startswith("$"):
            raise ValidationError(place, "a filter knows $and, $or, $not and names of metadata here")
        path = tuple(name.split("."))
        if not all(path) or any(mark in name for mark in '"\\\0'):
            raise ValidationError(place, "a name has no empty part, no quote and no backslash")
        return self.conditions(path, value, place, depth)

    def conditions(self, path: tuple[str, ...], value: object, field: str, depth: int) -> Node:
        if not isinstance(value, Mapping):
            return self.one(path, "$eq", value, field, depth)
        if not value:
            raise ValidationError(field, "it holds no condition")
        return All(tuple(self.one(path, op, each, f"{field}.{op}", depth) for op, each in value.items()))

    def one(self, path: tuple[str, ...], operator: object, value: object, field: str, depth: int) -> Node:
        self.count += 1
        if self.count > MOST:
            raise ValidationError(field, f"the filter has more than {MOST} conditions")
        if depth > DEEPEST:
            raise ValidationError(field, f"it is nested more than {DEEPEST} deep")
        match operator:
            case "$eq" | "$ne":
                found: Node = OneOf(path, (_scalar(value, field),))
            case "$in" | "$nin":
                if not isinstance(value, list | tuple):
                    raise ValidationError(field, "it takes a list of values")
                found = OneOf(path, tuple(_scalar(each, f"{field}[{at}]") for at, each in enumerate(value)))
            case "$gt" | "$gte" | "$lt" | "$lte":
                return Ordered(path, str(operator), _orderable(value, field))
            case "$exists":
                if not isinstance(value, bool):
                    raise ValidationError(field, "it takes true or false")
                return Exists(path) if value else Not(Exists(path))
            case "$contains":
                return Contains(path, _scalar(value, field))
            case "$not":
                return Not(self.conditions(path, value, field, depth + 1))
            case _:
                raise ValidationError(field, f"{operator!r} is no operator; they are {', '.join(OPERATORS)}")
        return Not(found) if operator in ("$ne", "$nin") else found


def _orderable(value: object, field: str) -> str | int | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValidationError(field, "order is between numbers or texts")
    return value


def _scalar(value: object, field: str) -> Scalar:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        if not -(2**63) <= value < 2**63:
            raise ValidationError(field, "the number is out of range")
        return value
    raise ValidationError(field, "it takes a text, a number, true, false or null; for lists use $in or $contains")


def matches(node: Node, metadata: Mapping[str, Any]) -> bool:
    """Whether metadata passes the filter."""
    match node:
        case All(parts):
            return all(matches(part, metadata) for part in parts)
        case Any_(parts):
            return any(matches(part, metadata) for part in parts)
        case Not(part):
            return not matches(part, metadata)
        case OneOf(path, values):
            found = _reach(metadata, path)
            candidates = found if isinstance(found, list | tuple) else (found,)
            return any(_same(each, value) for each in candidates for value in values)
        case Ordered(path, operator, value):
            found = _reach(metadata, path)
            return _kind(found) == _kind(value) and ORDER[operator][0](found, value)
        case Exists(path):
            return _reach(metadata, path) is not _MISSING
        case Contains(path, value):
            found = _reach(metadata, path)
            if isinstance(found, list | tuple):
                return any(_same(each, value) for each in found)
            return isinstance(found, str) and isinstance(value, str) and value in found


def names_of(node: Node) -> set[str]:
    """The names of metadata that a filter asks for."""
    match node:
        case All(parts) | Any_(parts):
            return {name for part in parts for name in names_of(part)}
        case Not(part):
            return names_of(part)
        case OneOf(path) | Ordered(path) | Exists(path) | Contains(path):
            return {".".join(path)}


def _reach(metadata: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = metadata
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return _MISSING
        found = found[name]
    return found


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "null" if value is None else "other"


def _same(found: object, value: Scalar) -> bool:
    return found is not _MISSING and _kind(found) == _kind(value) and bool(found == value)
