"""Calls that usually bring later bars into an earlier decision. Whether they do, the look-ahead check finds out."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

from abaca_strategies.running.naming import argument, constant, dotted, is_negative

Found = tuple[ast.expr, str]
BACKWARD = ("bfill", "backfill")


def look_ahead_findings(tree: ast.Module) -> Iterator[Found]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _call(node)
        elif isinstance(node, ast.Slice) and is_negative(node.step):
            yield node.step or node, "a slice with a negative step turns time around"


def _call(node: ast.Call) -> Iterator[Found]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)
    if (look := CALLS.get(name)) is not None and (words := look(node)):
        yield node, words


def _shifted(node: ast.Call) -> str:
    if is_negative(argument(node, "periods", 0)):
        return f"{_name(node)}() with a negative number looks at later bars"
    return ""


def _rolled(node: ast.Call) -> str:
    if is_negative(argument(node, "shift", 1)):
        return "roll() with a negative number looks at later bars"
    return "roll() brings the last bars to the beginning"


def _centred(node: ast.Call) -> str:
    if constant(argument(node, "center")) is True:
        return f"{_name(node)}(center=True) has later bars in its window"
    return ""


def _filled(node: ast.Call) -> str:
    if constant(argument(node, "method")) in (*BACKWARD, "nearest"):
        return f"{_name(node)}() fills gaps with later values"
    return ""


def _backward(node: ast.Call) -> str:
    return f"{_name(node)}() fills gaps with later values; ffill() does with earlier ones"


def _joined(node: ast.Call) -> str:
    if constant(argument(node, "direction")) in ("forward", "nearest"):
        return "merge_asof() in this direction joins later rows"
    return ""


def _between(node: ast.Call) -> str:
    return "interpolate() draws gaps towards the next value, which is later"


def _smoothed(node: ast.Call) -> str:
    return f"{_name(node)}() smooths with values on both sides of each bar"


def _convolved(node: ast.Call) -> str:
    return (
        "convolve() in this mode has later bars in its window" if constant(argument(node, "mode", 2)) == "same" else ""
    )


def _descending(node: ast.Call) -> str:
    return "sort_index(ascending=False) turns time around" if constant(argument(node, "ascending")) is False else ""


def _name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)


CALLS: Mapping[str, Callable[[ast.Call], str]] = {
    "shift": _shifted,
    "diff": _shifted,
    "pct_change": _shifted,
    "roll": _rolled,
    "rolling": _centred,
    "fillna": _filled,
    "reindex": _filled,
    "asfreq": _filled,
    "bfill": _backward,
    "backfill": _backward,
    "merge_asof": _joined,
    "interpolate": _between,
    "filtfilt": _smoothed,
    "savgol_filter": _smoothed,
    "gradient": _smoothed,
    "detrend": _smoothed,
    "convolve": _convolved,
    "sort_index": _descending,
}
