"""What the demo finds out about one Python file. Pure: source in, findings out."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator

from abaca.model import Value

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*_FUNCTIONS, ast.ClassDef)
_SCOPES = (*_NAMED, ast.Lambda)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_LEAVES = (ast.Name, ast.Constant, ast.expr_context, ast.operator, ast.unaryop, ast.boolop)
_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert)


class Function(Value, frozen=True, kw_only=True):
    """A function: its dotted name inside the file, its first line, its cyclomatic complexity."""

    name: str
    line: int
    complexity: int


class Findings(Value, frozen=True, kw_only=True):
    """One file. ``problem`` says why it is no Python of this interpreter's version; then it has lines only."""

    lines: int
    functions: int = 0
    classes: int = 0
    imports: int = 0
    most_complex: Function | None = None
    problem: str | None = None


def analyse(source: bytes) -> Findings:
    """Parse a file's bytes. A file that does not parse is a finding, not an error."""
    lines = len(source.splitlines())
    try:
        tree = _parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Findings(lines=lines, problem=f"{type(error).__name__}: {getattr(error, 'msg', None) or error}")
    found = list(_statements(tree))
    functions = [
        Function(name=name, line=node.lineno, complexity=cyclomatic(node))
        for node, name in found
        if isinstance(node, _FUNCTIONS)
    ]
    return Findings(
        lines=lines,
        functions=len(functions),
        classes=sum(isinstance(node, ast.ClassDef) for node, _ in found),
        imports=sum(len(node.names) for node, _ in found if isinstance(node, ast.Import | ast.ImportFrom)),
        most_complex=max(functions, key=lambda function: (function.complexity, -function.line), default=None),
    )


def cyclomatic(function: ast.AST) -> int:
    """McCabe's number: one, and one more for each place where the path through the function can part.

    Such places are ``if``, ``elif`` and conditional expressions, ``for`` and ``while``, ``except``, ``assert``, each
    further operand of ``and`` and ``or``, each ``for`` and ``if`` of a comprehension, and each ``case`` but an
    irrefutable one. What is nested in the function with a scope of its own (function, lambda, class) is not counted.
    (T. J. McCabe, "A Complexity Measure", IEEE Transactions on Software Engineering SE-2, 1976.)
    """
    return 1 + sum(_partings(node) for node in _own_nodes(function))


def _partings(node: ast.AST) -> int:
    match node:
        case ast.BoolOp(values=values):
            return len(values) - 1
        case ast.comprehension(ifs=ifs):
            return 1 + len(ifs)
        case ast.match_case(pattern=pattern, guard=guard):
            return int(guard is not None or not _irrefutable(pattern))
        case _:
            return int(isinstance(node, _BRANCHES))


def _irrefutable(pattern: ast.pattern) -> bool:
    return isinstance(pattern, ast.MatchAs) and (pattern.pattern is None or _irrefutable(pattern.pattern))


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of the body, without those that belong to a nested scope. A stack, because expressions nest deeply."""
    stack = list(getattr(function, "body", ()))
    while stack:
        node = stack.pop()
        if isinstance(node, _SCOPES):
            continue
        yield node
        for name in node._fields:
            value = getattr(node, name)
            if isinstance(value, list):
                stack.extend(child for child in value if isinstance(child, ast.AST))
            elif isinstance(value, ast.AST) and not isinstance(value, _LEAVES):
                stack.append(value)


def _statements(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Every statement with its dotted name in the file; only statements hold functions, classes and imports."""
    stack = [(tree, "")]
    while stack:
        parent, prefix = stack.pop()
        for block in _BLOCKS:
            for node in getattr(parent, block, ()):
                name = prefix + getattr(node, "name", "") if isinstance(node, _NAMED) else prefix
                yield node, name
                stack.append((node, f"{name}." if isinstance(node, _NAMED) else prefix))


def _parse(source: bytes) -> ast.Module:
    """As the interpreter would read it: a coding cookie counts."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    return ast.parse(source.decode(encoding))
