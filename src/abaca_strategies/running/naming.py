"""Small readings of a syntax tree."""

from __future__ import annotations

import ast


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of an attribute chain that begins with a name, otherwise an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (left := dotted(node.value)):
        return f"{left}.{node.attr}"
    return ""


def constant(node: ast.expr | None) -> object:
    """The value of a constant, also of a number with a sign; None for everything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = constant(node.operand)
        return -value if isinstance(value, int | float) else None
    return None


def argument(node: ast.Call, name: str, place: int | None = None) -> ast.expr | None:
    """An argument by its name, or by its place."""
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    if place is not None and place < len(node.args):
        return node.args[place]
    return None


def is_negative(node: ast.expr | None) -> bool:
    """Below zero as it stands there: ``-1``, and ``-n`` too, since nobody writes a minus before what is negative."""
    value = constant(node)
    if isinstance(value, int | float):
        return value < 0
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
