"""Imports go down only, in the core as pyproject.toml says it, and in the applications as their names say it."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUBLIC = {"abaca", "abaca.http", "abaca.cli"}
EXPORTED = {f"{package}.{name}" for package in PUBLIC for name in importlib.import_module(package).__all__}
"""What a public package exports, also where a module of it has the same name."""


def modules(source: str) -> set[str]:
    """The modules that a source text imports; `from abaca import model` imports two."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {node.module} | {name for name in inner - EXPORTED if is_module(name)}
    return found


def is_module(name: str) -> bool:
    path = ROOT / "src" / Path(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def forbidden(package: str, source: str, applications: set[str]) -> set[str]:
    """What `package` may not import: inner modules of abaca, other applications, and for the sandbox abaca at all."""
    found = modules(source)
    core = {name for name in found if name.split(".")[0] == "abaca"}
    others = {name for name in found if name.split(".")[0] in applications - {package, "abaca_sandbox"}}
    return others | (core if package == "abaca_sandbox" else core - PUBLIC)


def test_the_contracts_of_pyproject_hold() -> None:
    program = Path(sysconfig.get_path("scripts")) / "lint-imports"
    run = subprocess.run([program, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert run.returncode == 0, run.stdout + run.stderr


def test_applications_use_only_public_names_and_the_sandbox() -> None:
    packages = {path.name for path in (ROOT / "src").glob("abaca_*") if path.is_dir()}
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for package in packages
        for path in (ROOT / "src" / package).rglob("*.py")
        for name in forbidden(package, path.read_text(), packages)
    }
    assert not wrong


@pytest.mark.parametrize(
    ("package", "source", "wrong"),
    [
        ("abaca_compile", "from abaca import App, Plugin", set()),
        ("abaca_compile", "from abaca.http import Page\nimport abaca_sandbox.run", set()),
        ("abaca_compile", "from abaca.http import endpoint", set()),
        ("abaca_compile", "from abaca.model import Job", {"abaca.model"}),
        ("abaca_compile", "from abaca import model", {"abaca.model"}),
        ("abaca_compile", "def late():\n    import abaca_documents", {"abaca_documents"}),
        ("abaca_sandbox", "from abaca import App", {"abaca"}),
    ],
)
def test_the_rule_for_applications_finds_what_it_should(package: str, source: str, wrong: set[str]) -> None:
    assert forbidden(package, source, {"abaca_sandbox", "abaca_compile", "abaca_documents"}) == wrong
