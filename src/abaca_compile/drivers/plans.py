"""What a driver makes of a compilation: a command line, and what is to be known about how it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from abaca_compile.model import Compilation, Environment
from abaca_compile.suffixes import is_source
from abaca_compile.validation.sources import RESERVED
from abaca_sandbox import Mount

OUTPUT = RESERVED
LOCALE = {"LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run of a compiler, in a folder that holds the sources.

    ``artifact`` is the file that it makes. ``is_managed``: its run-time reserves far more memory than it uses, so that
    only what it uses can be limited. Exit codes in ``crashes`` mean that the compiler broke, those in ``exhausted``
    that it ran out of memory; any other one but 0 means that it refused the source.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    artifact: str | None = None
    kind: str = "other"
    is_managed: bool = False
    crashes: frozenset[int] = frozenset()
    exhausted: frozenset[int] = frozenset()
    run: tuple[str, ...] | None = None
    """How to run what was made, before the arguments; ``None`` where it cannot be run."""


class Driver(Protocol):
    """Speaks to the compilers of one family."""

    def plan(self, compilation: Compilation, environment: Environment) -> Plan: ...


def units(compilation: Compilation) -> list[str]:
    """The files that the compiler is given by name, the entry first."""
    names = [file.name for file in compilation.files if is_source(file.name, compilation.language)]
    return sorted(names, key=lambda name: (name != compilation.entry, name))


def split_libraries(flags: Sequence[str]) -> tuple[list[str], list[str]]:
    """Flags, and the libraries among them: those have an effect only behind the files that need them."""
    return [flag for flag in flags if flag[:2] != "-l"], [flag for flag in flags if flag[:2] == "-l"]


RUN_NATIVE = (f"./{OUTPUT}",)
