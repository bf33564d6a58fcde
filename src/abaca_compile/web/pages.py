"""The page of the dashboard where one writes code and sees what compilers say to it."""

from __future__ import annotations

from abaca.http import Desk, Reply, page
from abaca_compile.model import Environment, Language
from abaca_compile.service.compiler import Compiler
from abaca_compile.service.fleet import Fleet

_WORDS = {
    Language.C: "C",
    Language.CPP: "C++",
    Language.RUST: "Rust",
    Language.GO: "Go",
    Language.JAVA: "Java",
    Language.JAVASCRIPT: "JavaScript",
    Language.TYPESCRIPT: "TypeScript",
    Language.PYTHON: "Python",
    Language.ZIG: "Zig",
}


@page("/compile")
async def compile_page(desk: Desk) -> Reply:
    compiler = Compiler.of(desk.app)
    fleet = await compiler.fleet()
    return desk.page(
        "compile/index.html",
        here="compile",
        languages=_by_language(fleet),
        live=len(fleet.live),
        trouble=fleet.trouble,
        may_run=compiler.bounds.may_run,
    )


def _by_language(fleet: Fleet) -> list[tuple[str, str, list[Environment]]]:
    """Language, its name for people, its environments; those that can be used first."""
    found = []
    for language in Language:
        mine = sorted(fleet.catalogue.of(language), key=lambda one: not one.available)
        if mine:
            found.append((language.value, _WORDS[language], mine))
    return found


PAGES = (compile_page,)
