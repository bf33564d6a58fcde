"""rustc, Go, javac, Node, tsc, Python and Zig."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import PurePosixPath

from abaca_compile.drivers.plans import LOCALE, OUTPUT, RUN_NATIVE, Plan, units
from abaca_compile.model import Compilation, Environment, Mode

_RUST_MAIN = re.compile(rb"\bfn\s+main\s*(?:<[^>]*>)?\s*\(")
_RUST_EMITS = {Mode.SYNTAX: "metadata", Mode.COMPILE: "obj", Mode.LINK: "link"}
_PANICKED = frozenset({101})
_JAVAC_BROKE, _JAVAC_EXHAUSTED = frozenset({4}), frozenset({3})
# javac lives for a second: no compiler threads and collectors that pay only in a long life.
_JVM = ("-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-J-Xshare:auto", "-J-XX:-UsePerfData")
_HEAP_SHARE = 0.6


class Rustc:
    """A file without `fn main` is a library, unless a program is asked for."""

    def plan(self, compilation: Compilation, environment: Environment) -> Plan:
        entry = next(file.content for file in compilation.files if file.name == compilation.entry)
        is_typed = any(flag.startswith("--crate-type") for flag in compilation.flags) or b"crate_type" in entry
        is_library = not is_typed and compilation.mode is not Mode.LINK and not _RUST_MAIN.search(entry)
        edition = [f"--edition={compilation.standard}"] if compilation.standard else []
        is_link = compilation.mode is Mode.LINK
        return Plan(
            argv=(
                environment.executable,
                *edition,
                "--error-format=json",
                "--color=never",
                "--crate-name=main",
                *(["--crate-type=lib"] if is_library else ()),
                f"--emit={_RUST_EMITS[compilation.mode]}",
                *environment.default_flags,
                *compilation.flags,
                "-o",
                OUTPUT,
                compilation.entry,
            ),
            env=LOCALE,
            artifact=None if compilation.mode is Mode.SYNTAX else OUTPUT,
            kind="elf" if is_link else "object",
            crashes=_PANICKED,
            run=RUN_NATIVE if is_link else None,
        )


def go_module(version: str) -> str:
    """The text of a module's `go.mod`. Go before 1.21 takes no patch in its version, and none is needed after."""
    return f"module main\n\ngo {'.'.join(version.split('.')[:2])}\n"


class Go:
    """`go build`, which also links a package that is a program. A module is written around sources without one."""

    def plan(self, compilation: Compilation, environment: Environment) -> Plan:
        names = {file.name for file in compilation.files}
        version = (compilation.standard or environment.default_standard or "go1.20").removeprefix("go")
        module = {} if "go.mod" in names else {"go.mod": go_module(version).encode()}
        is_link = compilation.mode is Mode.LINK
        return Plan(
            argv=(environment.executable, "build", "-o", OUTPUT, *compilation.flags, "."),
            env={
                **LOCALE,
                "GOROOT": str(PurePosixPath(environment.executable).parent.parent),
                "GOCACHE": "/tmp/go-cache",
                "GOPATH": "/tmp/go",
                "GOFLAGS": "-mod=readonly -buildvcs=false",
                "GOPROXY": "off",
                "GOTOOLCHAIN": "local",
                "CGO_ENABLED": "0",
                "GOTELEMETRY": "off",
            },
            files=module,
            artifact=OUTPUT if is_link else None,
            kind="elf",
            is_managed=True,
            run=RUN_NATIVE if is_link else None,
        )


class Javac:
    """Annotation processors never run: they would be code of the submission inside the compiler."""

    def plan(self, compilation: Compilation, environment: Environment) -> Plan:
        heap = max(64, int(compilation.limits.memory_mb * _HEAP_SHARE))
        own = compilation.standard in (None, environment.default_standard)
        release = () if own else ("--release", str(compilation.standard))
        check = ("-XDshould-stop.ifNoError=FLOW",) if compilation.mode is Mode.SYNTAX else ()
        made = None if check else PurePosixPath(compilation.entry).with_suffix(".class").name
        return Plan(
            argv=(
                environment.executable,
                *_JVM,
                f"-J-Xmx{heap}m",
                "-proc:none",
                "-encoding",
                "UTF-8",
                *release,
                *check,
                *environment.default_flags,
                *compilation.flags,
                "-d",
                ".",
                *units(compilation),
            ),
            env=LOCALE,
            artifact=made,
            kind="class",
            is_managed=True,
            crashes=_JAVAC_BROKE,
            exhausted=_JAVAC_EXHAUSTED,
        )


class Node:
    def plan(self, compilation: Compilation, environment: Environment) -> Plan:
        return Plan(
            argv=(environment.executable, "--check", compilation.entry),
            env={**LOCALE, "NODE_DISABLE_COLORS": "1", "NODE_OPTIONS": ""},
            is_managed=True,
            run=(environment.executable, compilation.entry),
        )


class Tsc:
    def plan(self, compilation: Compilation, environment: Environment) -> Plan:
        target = ("--target", compilation.standard) if compilation.standard else ()
        return Plan(
            argv=(
                environment.executable,
                "--noEmit",
                "--pretty",
                "false",
                *target,
                *compilation.flags,
                *units(compilation),
            ),
            env=LOCALE,
            is_managed=True,
        )


class Python:
    """Compiles without running anything, with a checker that gives what `SyntaxError` knows."""

    def __init__(self) -> None:
        self._checker = files("abaca_compile.drivers").joinpath("pycheck.py").read_text()

    def plan(self, compilation: Compilation, environment: Environment) -> Plan:
        return Plan(
            argv=(environment.executable, "-I", "-B", "-X", "utf8", "-c", self._checker, *units(compilation)),
            env=LOCALE,
            run=(environment.executable, "-I", "-B", "-X", "utf8", compilation.entry),
        )


class Zig:
    def plan(self, compilation: Compilation, environment: Environment) -> Plan:
        is_link = compilation.mode is Mode.LINK
        goal: tuple[str, ...] = ("build-exe" if is_link else "build-obj",)
        made = ("-fno-emit-bin",) if compilation.mode is Mode.SYNTAX else (f"-femit-bin={OUTPUT}",)
        return Plan(
            argv=(environment.executable, *goal, compilation.entry, *made, "--color", "off", *compilation.flags),
            env={**LOCALE, "ZIG_GLOBAL_CACHE_DIR": "/tmp/zig-global", "ZIG_LOCAL_CACHE_DIR": "/tmp/zig-local"},
            artifact=None if compilation.mode is Mode.SYNTAX else OUTPUT,
            kind="elf" if is_link else "object",
            is_managed=True,
            run=RUN_NATIVE if is_link else None,
        )
