"""What the demo finds out about a file."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from abaca.cli.demo.analysis import Function, analyse, cyclomatic


def complexity(body: str) -> int:
    source = "async def f(a, b):\n" + "".join(f"    {line}\n" for line in dedent(body).strip().splitlines())
    return cyclomatic(ast.parse(source).body[0])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a", 1),
        ("if a: pass", 2),
        ("if a: pass\nelif b: pass\nelse: pass", 3),
        ("return 1 if a else 2", 2),
        ("for x in a: pass\nelse: pass", 2),
        ("async for x in a: pass", 2),
        ("while a: pass", 2),
        ("try: pass\nexcept OSError: pass\nexcept ValueError: pass\nfinally: pass", 3),
        ("with a: pass", 1),
        ("assert a", 2),
        ("return a and b and f", 3),
        ("return a and b or f", 3),
        ("return [x for x in a]", 2),
        ("return {x for x in a if x if b for y in x}", 5),
        ("match a:\n    case 1: pass\n    case [_, *_]: pass\n    case _: pass", 3),
        ("match a:\n    case x if b: pass\n    case x: pass", 2),
        ("match a:\n    case (1 | 2) as x: pass\n    case _ as y: pass", 2),
    ],
)
def test_each_parting_of_the_path_counts_one(body: str, expected: int) -> None:
    assert complexity(body) == expected


@pytest.mark.parametrize(
    "nested",
    ["def g():\n    if a: pass", "class C:\n    x = 1 if a else 2", "g = lambda: a or b"],
)
def test_a_nested_scope_counts_for_itself_only(nested: str) -> None:
    assert complexity(f"{nested}\nif a: pass") == 2


def test_a_file_gives_its_counts_and_its_most_complex_function() -> None:
    # Given a file with functions at three depths
    source = dedent(
        """
        import os, sys
        from re import match as m
        class C:
            def method(self):
                def inner(a):
                    return a and 1 or 2
                return inner
        if True:
            async def top(): pass
        """
    ).lstrip()
    # When it is analysed
    found = analyse(source.encode())
    # Then everything is counted, and the winner carries its dotted name
    assert (found.lines, found.functions, found.classes, found.imports) == (9, 3, 1, 3)
    assert found.most_complex == Function(name="C.method.inner", line=5, complexity=3)
    assert found.problem is None


def test_of_equally_complex_functions_the_first_is_named() -> None:
    found = analyse(b"def a(): pass\ndef b(): pass\n")
    assert found.most_complex is not None
    assert found.most_complex.name == "a"


@pytest.mark.parametrize(
    "source",
    [
        b"print 'two'\n",
        b"x = (\n",
        b"x = '\0'\n",
        b"# coding: no-such-thing\n",
        b"x = '\xff'\n",
        b"if 1:\nx\n",
        b"(" * 5_000,
    ],
)
def test_what_is_no_python_is_a_finding_with_its_reason(source: bytes) -> None:
    found = analyse(source)
    assert found.problem
    assert found.functions == 0
    assert found.lines == len(source.splitlines())


@pytest.mark.parametrize("source", [b"", b"\xef\xbb\xbfx = 1\r\n", b"# coding: latin-1\nx = '\xff'\n"])
def test_encodings_are_no_problem(source: bytes) -> None:
    assert analyse(source).problem is None


def test_an_expression_nested_deeply_is_walked_without_recursion() -> None:
    source = "def f(a):\n    return " + " + ".join(["a"] * 2_000) + "\n"
    assert analyse(source.encode()).functions == 1
