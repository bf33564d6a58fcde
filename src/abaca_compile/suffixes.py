"""File names by language: what a source file ends in, and what an unnamed one is called."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from abaca_compile.model import Language

SUFFIXES: dict[Language, tuple[str, ...]] = {
    Language.C: (".c",),
    Language.CPP: (".cpp", ".cc", ".cxx", ".c++", ".cp", ".C"),
    Language.RUST: (".rs",),
    Language.GO: (".go",),
    Language.JAVA: (".java",),
    Language.JAVASCRIPT: (".js", ".mjs", ".cjs"),
    Language.TYPESCRIPT: (".ts", ".tsx", ".mts", ".cts"),
    Language.PYTHON: (".py",),
    Language.ZIG: (".zig",),
}
_BY_SUFFIX = {suffix: language for language, suffixes in SUFFIXES.items() for suffix in suffixes}
_PUBLIC_TYPE = re.compile(
    r"^\s*public\s+(?:(?:abstract|final|sealed|non-sealed|strictfp|static)\s+)*"
    r"(?:class|interface|enum|record|@interface)\s+([A-Za-z_$][\w$]*)",
    re.MULTILINE,
)


def language_of(name: str) -> Language | None:
    """The language that a file's name says, or none: a header may belong to C and to C++."""
    return _BY_SUFFIX.get(PurePosixPath(name).suffix)


def is_source(name: str, language: Language) -> bool:
    """Whether the compiler is given this file by name; the others are there to be included."""
    return PurePosixPath(name).suffix in SUFFIXES[language]


def unnamed(language: Language, source: bytes) -> str:
    """What a single source is called. Java wants a public class in a file of its name."""
    if language is Language.JAVA:
        found = _PUBLIC_TYPE.search(source.decode(errors="replace"))
        return f"{found[1] if found else 'Main'}.java"
    return "main" + SUFFIXES[language][0]
