"""gcc, g++, clang, clang++ and tcc."""

from __future__ import annotations

from abaca_compile.drivers.plans import LOCALE, OUTPUT, RUN_NATIVE, Plan, split_libraries, units
from abaca_compile.model import Compilation, Environment, Format, Mode

_FORMATS = {
    Format.GCC_JSON: ("-fdiagnostics-format=json",),
    Format.SARIF: ("-fdiagnostics-format=sarif-stderr",),
    Format.CLANG: (
        "-fno-color-diagnostics",
        "-fdiagnostics-print-source-range-info",
        "-fdiagnostics-parseable-fixits",
    ),
    Format.GNU: (),
}
_GCC_BROKE = frozenset({4})  # ICE_EXIT_CODE of GCC's drivers
_CLANG_BROKE = frozenset({70, 134, 139})


class CFamily:
    """Compilers with the command line of cc."""

    def plan(self, compilation: Compilation, environment: Environment) -> Plan:
        sources = units(compilation)
        flags, libraries = split_libraries((*environment.default_flags, *compilation.flags))
        standard = [f"-std={compilation.standard}"] if compilation.standard else []
        goal, artifact = _goal(compilation.mode, environment, len(sources))
        return Plan(
            argv=(
                environment.executable,
                *standard,
                *flags,
                *_FORMATS[environment.diagnostics],
                *goal,
                *sources,
                *(libraries if compilation.mode is Mode.LINK else ()),
            ),
            env=LOCALE,
            artifact=artifact,
            kind="elf" if compilation.mode is Mode.LINK else "object",
            crashes=_GCC_BROKE if environment.family == "gcc" else _CLANG_BROKE,
            run=RUN_NATIVE if compilation.mode is Mode.LINK else None,
        )


class Tcc(CFamily):
    """It knows no way to check only, so a check makes an object that nobody collects."""

    def plan(self, compilation: Compilation, environment: Environment) -> Plan:
        sources = units(compilation)
        flags, libraries = split_libraries((*environment.default_flags, *compilation.flags))
        is_link = compilation.mode is Mode.LINK
        one = ("-c", "-o", OUTPUT) if len(sources) == 1 else ("-c",)
        return Plan(
            argv=(
                environment.executable,
                *flags,
                *(("-o", OUTPUT) if is_link else one),
                *sources,
                *(libraries if is_link else ()),
            ),
            env=LOCALE,
            artifact=None if compilation.mode is Mode.SYNTAX or not (is_link or len(sources) == 1) else OUTPUT,
            kind="elf" if is_link else "object",
            run=RUN_NATIVE if is_link else None,
        )


def _goal(mode: Mode, environment: Environment, sources: int) -> tuple[tuple[str, ...], str | None]:
    """What to make, and under which name. Several units make several objects, of which none is the artifact."""
    if mode is Mode.SYNTAX:
        return ("-fsyntax-only",), None
    if mode is Mode.LINK:
        return ("-o", OUTPUT), OUTPUT
    return (("-c", "-o", OUTPUT), OUTPUT) if sources == 1 else (("-c",), None)
