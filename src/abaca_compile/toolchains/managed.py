"""Compilers that bring a folder of their own: Rust, Go, Java, Node, TypeScript, Python, Zig."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from abaca_compile.model import Environment, Family, Format, Language, Mode
from abaca_compile.toolchains.asking import Ask
from abaca_compile.toolchains.finding import Candidate

_ARCHITECTURES = {"aarch64": "arm64", "amd64": "x86_64", "x64": "x86_64"}
_CHECKS = (Mode.COMPILE, Mode.SYNTAX)
_EDITIONS = ("2015", "2018", "2021", "2024")
_ABOUT_PYTHON = (
    "import sys,json;print(json.dumps([getattr(sys,'_base_executable',0) or sys.executable,sys.base_prefix]))"
)


async def examine_rustc(candidate: Candidate, ask: Ask) -> list[Environment]:
    about, sysroot = await ask(candidate.path, "-vV"), await ask(candidate.path, "--print", "sysroot")
    facts = dict(line.split(": ", 1) for line in about.out.splitlines() if ": " in line)
    if not (about.ok and sysroot.ok and "release" in facts):
        return []
    home = sysroot.out.strip()
    path = f"{home}/bin/rustc"
    tried = [await ask(path, f"--edition={edition}", "--print=crate-name", "/dev/null") for edition in _EDITIONS]
    editions = tuple(edition for edition, said in zip(_EDITIONS, tried, strict=True) if said.ok)
    short = _short(facts["release"], 2)
    links = (await ask("cc", "--version")).ok
    return [
        Environment(
            id=f"rustc-{short}",
            language=Language.RUST,
            family=Family.RUSTC,
            compiler=f"rustc-{short}",
            aliases=("rustc", "rust", f"rustc-{facts['release']}"),
            version=facts["release"],
            executable=path,
            target=facts.get("host", ""),
            architecture=_architecture(facts.get("host", "").split("-")[0]),
            standards=editions,
            default_standard="2021" if "2021" in editions else None,
            diagnostics=Format.RUSTC_JSON,
            modes=(*_CHECKS, Mode.LINK) if links else _CHECKS,
            runs=links,
            mounts=_outside((home,)),
        )
    ]


async def examine_go(candidate: Candidate, ask: Ask) -> list[Environment]:
    said = await ask(candidate.path, "env", "GOVERSION", "GOROOT", "GOARCH")
    facts = said.out.split()
    if not said.ok or len(facts) != 3 or not facts[0].startswith("go"):
        return []
    version, home, architecture = facts[0].removeprefix("go"), facts[1], facts[2]
    short = _short(version, 2)
    minor = int(short.split(".")[1])
    return [
        Environment(
            id=f"go-{short}",
            language=Language.GO,
            family=Family.GO,
            compiler=f"go-{short}",
            aliases=("go", f"go-{version}"),
            version=version,
            executable=f"{home}/bin/go",
            target=f"linux/{architecture}",
            architecture=_architecture(architecture),
            standards=tuple(f"go1.{number}" for number in range(17, minor + 1)),
            default_standard=f"go{short}",
            diagnostics=Format.GO,
            modes=(Mode.COMPILE, Mode.LINK),
            mounts=_outside((home,)),
        )
    ]


async def examine_javac(candidate: Candidate, ask: Ask) -> list[Environment]:
    said = await ask(candidate.path, "-version")
    found = re.search(r"javac (\d[\w.+-]*)", said.out + said.err)
    if not said.ok or not found:
        return []
    path = candidate.real
    home = Path(path).parent.parent
    options = await ask(path, "--help")
    releases = re.search(r"Supported releases:\s*([\d,\s]+)", options.out)
    major = _short(found[1], 1)
    return [
        Environment(
            id=f"javac-{major}",
            language=Language.JAVA,
            family=Family.JAVAC,
            compiler=f"javac-{major}",
            aliases=("javac", "java", f"java-{major}"),
            version=found[1],
            executable=path,
            target="jvm",
            architecture=_architecture(os.uname().machine),
            standards=tuple(re.findall(r"\d+", releases[1])) if releases else (),
            default_standard=major,
            diagnostics=Format.JAVAC,
            modes=_CHECKS,
            mounts=_outside((str(home),)),
            runs=False,
        )
    ]


async def examine_node(candidate: Candidate, ask: Ask) -> list[Environment]:
    said = await ask(candidate.path, "-p", "process.versions.node + ' ' + process.arch + ' ' + process.execPath")
    facts = said.out.split()
    if not said.ok or len(facts) != 3:
        return []
    major = _short(facts[0], 1)
    return [
        Environment(
            id=f"node-{major}",
            language=Language.JAVASCRIPT,
            family=Family.NODE,
            compiler=f"node-{major}",
            aliases=("node", "nodejs"),
            version=facts[0],
            executable=facts[2],
            target="v8",
            architecture=_architecture(facts[1]),
            diagnostics=Format.NODE,
            modes=(Mode.SYNTAX, Mode.COMPILE),
            mounts=_outside((str(Path(facts[2]).parent.parent),)),
        )
    ]


async def examine_tsc(candidate: Candidate, ask: Ask) -> list[Environment]:
    said = await ask(candidate.path, "--version")
    found = re.search(r"Version (\d+(?:\.\d+)*)", said.out)
    if not said.ok or not found:
        return []
    path = candidate.real
    options = await ask(candidate.path, "--all")
    targets = re.search(r"--target,[^\n]*\n.*?one of:\s*(.+?)\n\s*default", options.out, re.DOTALL)
    names = re.findall(r"es\w+", targets[1].lower()) if targets else []
    short = _short(found[1], 2)
    return [
        Environment(
            id=f"tsc-{short}",
            language=Language.TYPESCRIPT,
            family=Family.TSC,
            compiler=f"tsc-{short}",
            aliases=("tsc", "typescript"),
            version=found[1],
            executable=path,
            target="javascript",
            architecture=_architecture(os.uname().machine),
            standards=tuple(dict.fromkeys(names)),
            diagnostics=Format.TSC,
            modes=(Mode.SYNTAX, Mode.COMPILE),
            runs=False,
            mounts=_outside((_packages(Path(path)),)),
        )
    ]


async def examine_python(candidate: Candidate, ask: Ask) -> list[Environment]:
    said, version = await ask(candidate.path, "-IEc", _ABOUT_PYTHON), await ask(candidate.path, "--version")
    if not (said.ok and version.ok):
        return []
    executable, prefix = msgspec.json.decode(said.out, type=tuple[str, str])
    number = version.out.split()[-1]
    short = _short(number, 2)
    return [
        Environment(
            id=f"python-{short}",
            language=Language.PYTHON,
            family=Family.PYTHON,
            compiler=f"python-{short}",
            aliases=("python", "python3", f"python{short}"),
            version=number,
            executable=candidate.real if prefix == "/usr" else executable,
            target="cpython",
            architecture=_architecture(os.uname().machine),
            diagnostics=Format.PYTHON,
            modes=(Mode.SYNTAX, Mode.COMPILE),
            mounts=_outside((prefix,)),
        )
    ]


async def examine_zig(candidate: Candidate, ask: Ask) -> list[Environment]:
    said = await ask(candidate.path, "version")
    if not said.ok or not re.match(r"\d+\.\d+", said.out):
        return []
    path = candidate.real
    number = said.out.strip()
    short = _short(number, 2)
    return [
        Environment(
            id=f"zig-{short}",
            language=Language.ZIG,
            family=Family.ZIG,
            compiler=f"zig-{short}",
            aliases=("zig",),
            version=number,
            executable=path,
            target=f"{os.uname().machine}-linux",
            architecture=_architecture(os.uname().machine),
            diagnostics=Format.ZIG,
            mounts=_outside((str(Path(path).parent),)),
        )
    ]


def _short(version: str, parts: int) -> str:
    return ".".join(re.findall(r"\d+", version)[:parts])


def _architecture(name: str) -> str:
    return _ARCHITECTURES.get(name, name)


def _outside(folders: Iterable[str]) -> tuple[str, ...]:
    """Those that the sandbox does not show anyway."""
    return tuple(folder for folder in folders if not f"{folder}/".startswith("/usr/"))


def _packages(path: Path) -> str:
    """The `node_modules` that a script of a package lies in: what it imports may lie beside it."""
    return next((str(parent) for parent in path.parents if parent.name == "node_modules"), str(path.parent))
