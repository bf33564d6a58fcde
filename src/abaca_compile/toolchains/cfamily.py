"""gcc, clang and tcc: what they are, and which standards they accept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from abaca_compile.model import Environment, Family, Format, Language, Mode
from abaca_compile.toolchains.asking import Ask
from abaca_compile.toolchains.finding import Candidate

_C = ("c89", "c99", "c11", "c17", "c18", "c2x", "c23")
_CPP = ("c++98", "c++03", "c++11", "c++14", "c++17", "c++20", "c++23", "c++26")
_DEFAULTS = {
    "199901": "gnu99",
    "201112": "gnu11",
    "201710": "gnu17",
    "202000": "gnu2x",
    "202311": "gnu23",
    "199711": "gnu++98",
    "201103": "gnu++11",
    "201402": "gnu++14",
    "201703": "gnu++17",
    "202002": "gnu++20",
    "202302": "gnu++23",
}
_MACRO = re.compile(r"#define (__STDC_VERSION__|__cplusplus) (\d+)L")
_CLANG_VERSION = re.compile(r"clang version (\d+(?:\.\d+)*)")
_TCC_VERSION = re.compile(r"tcc version (\d+(?:\.\d+)*)")


async def examine_gcc(candidate: Candidate, ask: Ask) -> list[Environment]:
    version, target = await asyncio.gather(ask(candidate.path, "-dumpfullversion"), ask(candidate.path, "-dumpmachine"))
    if not version.ok or not re.fullmatch(r"\d+(\.\d+)*", version.out.strip()):
        return []
    number = version.out.strip()
    major = int(number.split(".")[0])
    # JSON came with version 9; SARIF with 13, and JSON is on its way out.
    form = Format.SARIF if major >= 13 else Format.GCC_JSON if major >= 9 else Format.GNU
    return [await _c_like(candidate, ask, "gcc", number, target.out.strip(), form)]


async def examine_clang(candidate: Candidate, ask: Ask) -> list[Environment]:
    said, target = await asyncio.gather(ask(candidate.path, "--version"), ask(candidate.path, "-dumpmachine"))
    found = _CLANG_VERSION.search(said.out)
    if not said.ok or not found:
        return []
    return [await _c_like(candidate, ask, "clang", found[1], target.out.strip(), Format.CLANG)]


async def examine_tcc(candidate: Candidate, ask: Ask) -> list[Environment]:
    said = await ask(candidate.path, "-v")
    found = _TCC_VERSION.search(said.out + said.err)
    if not found:
        return []
    architecture = "arm64" if "AArch64" in said.out + said.err else "x86_64"
    short = ".".join(found[1].split(".")[:2])
    return [
        Environment(
            id=f"tcc-{short}",
            language=Language.C,
            family=Family.TCC,
            compiler=f"tcc-{short}",
            aliases=("tcc",),
            version=found[1],
            executable=candidate.path,
            target=f"{architecture}-linux-gnu",
            architecture=architecture,
            diagnostics=Format.GNU,
        )
    ]


async def _c_like(candidate: Candidate, ask: Ask, name: str, version: str, target: str, form: Format) -> Environment:
    language = Language.CPP if candidate.is_plus else Language.C
    own = {"gcc": "g++", "clang": "clang++"}[name] if candidate.is_plus else name
    major = version.split(".")[0]
    standards, default = await asyncio.gather(
        _accepted(candidate.path, language, ask), _default(candidate.path, language, ask)
    )
    return Environment(
        id=f"{own}-{major}",
        language=language,
        family=Family(name),
        compiler=f"{name}-{major}",
        aliases=tuple(dict.fromkeys((own, name, own.replace("++", "xx") + f"-{major}"))),
        version=version,
        executable=candidate.path,
        target=target,
        architecture={"aarch64": "arm64"}.get(arch := target.split("-")[0], arch),
        standards=standards,
        default_standard=default,
        diagnostics=form,
        modes=(Mode.COMPILE, Mode.SYNTAX, Mode.LINK),
    )


async def _accepted(path: str, language: Language, ask: Ask) -> tuple[str, ...]:
    """The standards with which it compiles an empty unit, each followed by its GNU form."""
    known = _CPP if language is Language.CPP else _C
    kind = "c++" if language is Language.CPP else "c"
    said = [await ask(path, f"-std={standard}", "-fsyntax-only", "-x", kind, "/dev/null") for standard in known]
    accepted = [standard for standard, answer in zip(known, said, strict=True) if answer.ok]
    return tuple(accepted) + tuple(_gnu(accepted))


def _gnu(standards: Sequence[str]) -> list[str]:
    return [f"gnu{standard[1:]}" for standard in standards]


async def _default(path: str, language: Language, ask: Ask) -> str | None:
    said = await ask(path, "-dM", "-E", "-x", "c++" if language is Language.CPP else "c", "/dev/null")
    macros = dict(_MACRO.findall(said.out))
    return _DEFAULTS.get(macros.get("__cplusplus" if language is Language.CPP else "__STDC_VERSION__", ""))
