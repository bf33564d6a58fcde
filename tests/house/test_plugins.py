"""The applications that ship with Abaca use what everybody may use of it, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
PUBLIC = {"abaca", "abaca.http", "abaca.cli"}
APPLICATIONS = ("abaca_compile", "abaca_documents", "abaca_strategies")


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("package", APPLICATIONS)
def test_an_application_uses_public_names_alone(package: str) -> None:
    found = {
        f"{file.relative_to(SOURCE)}: {name}"
        for file in SOURCE.joinpath(package).rglob("*.py")
        for name in _imports(file)
        if name.partition(".")[0] in {"abaca", *APPLICATIONS} - {package} and name not in PUBLIC
    }
    assert found == set()


def test_the_sandbox_knows_nothing_of_abaca() -> None:
    found = {
        f"{file.name}: {name}"
        for file in SOURCE.joinpath("abaca_sandbox").rglob("*.py")
        for name in _imports(file)
        if name.partition(".")[0].startswith("abaca") and name.partition(".")[0] != "abaca_sandbox"
    }
    assert found == set()
