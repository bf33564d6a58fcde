"""Filters as SQL over a column of JSON. Pure: from a filter to a condition and its parameters."""

from __future__ import annotations

from collections.abc import Mapping

from abaca_documents.filters import ORDER, All, Any_, Contains, Exists, Node, Not, OneOf, Ordered, Scalar

Sql = tuple[str, list[Scalar]]
"""A condition that is 0 or 1 and never NULL, and what its question marks stand for."""


def to_sql(node: Node, json: str, columns: Mapping[str, str] | None = None) -> Sql:
    """``json`` is the column of metadata. ``columns`` names columns that stand for a name of their own; they hide what
    the metadata has under it, and are compared by SQLite's own types."""
    known = columns or {}
    match node:
        case All(parts):
            return _joined(parts, " AND ", "1", json, known)
        case Any_(parts):
            return _joined(parts, " OR ", "0", json, known)
        case Not(part):
            inner, values = to_sql(part, json, known)
            return f"NOT {inner}", values
        case OneOf(path, given):
            return _either([_Place(json, path, known).equals(value) for value in given])
        case Ordered(path, operator, value):
            return _Place(json, path, known).ordered(ORDER[operator][1], value)
        case Exists(path):
            return _Place(json, path, known).exists()
        case Contains(path, value):
            return _Place(json, path, known).contains(value)


def _joined(parts: tuple[Node, ...], word: str, empty: str, json: str, columns: Mapping[str, str]) -> Sql:
    done = [to_sql(part, json, columns) for part in parts]
    return "(" + (word.join(text for text, _ in done) or empty) + ")", [each for _, values in done for each in values]


def _either(done: list[Sql]) -> Sql:
    return "(" + (" OR ".join(text for text, _ in done) or "0") + ")", [each for _, values in done for each in values]


class _Place:
    """One name of a filter: where its type and its value are found."""

    def __init__(self, json: str, path: tuple[str, ...], columns: Mapping[str, str]) -> None:
        column = columns.get(".".join(path))
        self.json = json
        self.is_column = column is not None
        self.path = "$" + "".join(f'."{name}"' for name in path)
        self.type = f"typeof({column})" if self.is_column else f"json_type({json}, ?)"
        self.value = column or f"json_extract({json}, ?)"
        self.args: list[Scalar] = [] if self.is_column else [self.path]

    def equals(self, value: Scalar) -> Sql:
        text, args = self._scalar("=", value)
        if self.is_column:
            return text, args
        element, wanted = self._element(value)
        return f"({text} OR {element})", args + wanted

    def ordered(self, operator: str, value: Scalar) -> Sql:
        return self._scalar(operator, value)

    def exists(self) -> Sql:
        if self.is_column:
            return f"({self.value} IS NOT NULL)", []
        return f"({self.type} IS NOT NULL)", [*self.args]

    def contains(self, value: Scalar) -> Sql:
        inside = f"({self.type} = 'text' AND instr({self.value}, ?) > 0)"
        found: list[Sql] = []
        if isinstance(value, str):
            found.append((f"COALESCE({inside}, 0)", [*self.args, *self.args, value]))
        if not self.is_column:
            found.append(self._element(value))
        return _either(found)

    def _scalar(self, operator: str, value: Scalar) -> Sql:
        types, compared = _types(value)
        text = f"{self.type} IN ({types})"
        if not compared:
            return f"COALESCE({text}, 0)", [*self.args]
        return f"COALESCE({text} AND {self.value} {operator} ?, 0)", [*self.args, *self.args, value]

    def _element(self, value: Scalar) -> Sql:
        types, compared = _types(value)
        condition = f"each.type IN ({types})" + (" AND each.value = ?" if compared else "")
        text = f"EXISTS (SELECT 1 FROM json_each({self.json}, ?) AS each WHERE {condition})"
        wanted: list[Scalar] = [value] if compared else []
        return f"COALESCE({self.type} = 'array' AND {text}, 0)", [*self.args, self.path, *wanted]


def _types(value: Scalar) -> tuple[str, bool]:
    """The JSON types that the value can equal, and whether its type alone does not say it all."""
    if value is None:
        return "'null'", False
    if isinstance(value, bool):
        return "'true'" if value else "'false'", False
    if isinstance(value, str):
        return "'text'", True
    return "'integer', 'real'", True
