"""Environments: concrete toolchains, each with what it was found to be."""

from __future__ import annotations

from enum import StrEnum

from abaca_compile.model.base import Value


class Language(StrEnum):
    C = "c"
    CPP = "cpp"
    RUST = "rust"
    GO = "go"
    JAVA = "java"
    JAVASCRIPT = "javascript"
    TYPESCRIPT = "typescript"
    PYTHON = "python"
    ZIG = "zig"


ALIASES = {
    "c++": Language.CPP,
    "cxx": Language.CPP,
    "cc": Language.CPP,
    "golang": Language.GO,
    "rs": Language.RUST,
    "js": Language.JAVASCRIPT,
    "node": Language.JAVASCRIPT,
    "ts": Language.TYPESCRIPT,
    "py": Language.PYTHON,
    "python3": Language.PYTHON,
}


class Family(StrEnum):
    """Which driver speaks to the compiler."""

    GCC = "gcc"
    CLANG = "clang"
    TCC = "tcc"
    RUSTC = "rustc"
    GO = "go"
    JAVAC = "javac"
    NODE = "node"
    TSC = "tsc"
    PYTHON = "python"
    ZIG = "zig"


class Provider(StrEnum):
    """Where the toolchain is: on this machine, or in a compiler image, which is a folder with a root file system."""

    LOCAL = "local"
    IMAGE = "image"


class Mode(StrEnum):
    """How far to go: check only, make an object, or make a program."""

    SYNTAX = "syntax"
    COMPILE = "compile"
    LINK = "link"


class Format(StrEnum):
    """How the compiler gives its diagnostics."""

    GCC_JSON = "gcc-json"
    SARIF = "sarif"
    CLANG = "clang"
    GNU = "gnu"
    RUSTC_JSON = "rustc-json"
    GO = "go"
    JAVAC = "javac"
    NODE = "node"
    TSC = "tsc"
    PYTHON = "python"
    ZIG = "zig"


class Environment(Value, frozen=True, kw_only=True):
    """One toolchain for one language.

    ``id`` names it (``g++-12``); ``compiler`` is the name that it shares with its sisters for other languages
    (``gcc-12``), and ``aliases`` are further names by which a request may ask for it. ``standards`` are those that the
    compiler was seen to accept. ``available`` false: ``reason`` says why, and ``remedy`` is the command that helps.
    ``fingerprint`` changes with the compiler's binary. ``modes`` are those that it knows, the first one is the default;
    ``runs`` says whether a program can be run after it was built.
    """

    id: str
    language: Language
    family: Family
    compiler: str
    version: str
    executable: str
    target: str = ""
    architecture: str = ""
    os: str = "linux"
    standards: tuple[str, ...] = ()
    default_standard: str | None = None
    default_flags: tuple[str, ...] = ()
    diagnostics: Format = Format.GNU
    modes: tuple[Mode, ...] = (Mode.COMPILE, Mode.SYNTAX, Mode.LINK)
    runs: bool = True
    aliases: tuple[str, ...] = ()
    provider: Provider = Provider.LOCAL
    image: str | None = None
    mounts: tuple[str, ...] = ()
    fingerprint: str = ""
    available: bool = True
    reason: str | None = None
    remedy: str | None = None

    def names(self) -> tuple[str, ...]:
        """Every name by which a request may ask for it, the id first."""
        return (self.id, self.compiler, *self.aliases)
