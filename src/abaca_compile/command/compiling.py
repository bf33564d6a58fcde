"""``abaca compile``"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated

import msgspec
from cyclopts import Parameter

from abaca import BackendError, ConfigError
from abaca.cli import EXIT_USAGE, Given, Session, note
from abaca_compile.command.compilers import Compilers, Here, available, infrastructure
from abaca_compile.command.finding import Found, found_files
from abaca_compile.command.remote import Remote
from abaca_compile.command.reporting import INFRASTRUCTURE, Report, Style
from abaca_compile.errors import CompileError
from abaca_compile.model import ALIASES, GivenLimits, Result, Submission
from abaca_compile.service.settings import SETTINGS
from abaca_compile.suffixes import language_of

_LOOK_AGAIN = 0.5


def compile_files(
    *files: Annotated[str, Parameter(name="FILE", help="A source, a folder of sources, or a pattern.")],
    std: Annotated[str | None, Parameter(help="The standard, such as c17 or c++20, or a Rust edition.")] = None,
    env: Annotated[
        tuple[str, ...], Parameter(help="An environment by its id; may be given several times.", negative="")
    ] = (),
    compiler: Annotated[str | None, Parameter(help="The compiler, such as gcc-12.")] = None,
    language: Annotated[str | None, Parameter(help="The language, where file names do not tell it.")] = None,
    flag: Annotated[
        tuple[str, ...],
        Parameter(help="A flag for the compiler, as --flag=-Wall; may be given several times.", negative=""),
    ] = (),
    matrix: Annotated[bool, Parameter(negative="", help="Compile with every compiler of the language.")] = False,
    sarif: Annotated[bool, Parameter(negative="", help="Answer with one SARIF log.")] = False,
    annotations: Annotated[bool, Parameter(negative="", help="Answer with annotations for CI.")] = False,
    quiet: Annotated[bool, Parameter(negative="", help="Print nothing; the exit status tells.")] = False,
    watch: Annotated[bool, Parameter(negative="", help="Compile again what changes, until interrupted.")] = False,
    wall: Annotated[float | None, Parameter(help="Seconds after which a compiler is stopped.")] = None,
    remote: Annotated[str | None, Parameter(help="The address of a service that compiles in place of here.")] = None,
    key: Annotated[str, Parameter(help="The API key for it; else ABACA_COMPILE_KEY.")] = "",
    session: Given,
) -> int:
    """Say whether files compile, with the messages of the compilers.

    Sources are compiled one by one, each with the headers below its folder that it includes. Nothing but this command
    is needed, no server and no store; sources run in the sandbox. With --remote a service does it.
    Exit status: 0 all compiled; 1 one did not; 2 the command is wrong; 3 a compiler was stopped by its time; 4 nothing
    could be compiled.
    """
    style = _style(session, sarif=sarif, annotations=annotations, quiet=quiet)
    if not files:
        raise ConfigError("name a file, a folder or a pattern")
    if matrix and (env or compiler):
        raise ConfigError("--matrix is every compiler of the language; leave out --env and --compiler")
    given = Submission(
        standard=std,
        compiler=compiler,
        language=language,
        flags=flag,
        limits=GivenLimits(wall_ms=None if wall is None else round(wall * 1000)),
    )
    values = session.settings(SETTINGS)
    by: Compilers = Remote(remote, key or values.value("compile.key")) if remote else Here(values.value)
    found = found_files(files, any_name=bool(language or env))
    plan = _Plan(given, env, is_matrix=matrix)
    try:
        return asyncio.run(_command(by, plan, found, style, is_watching=watch))
    except CompileError as error:
        note(f"abaca: {error}")
        return INFRASTRUCTURE
    except ConfigError as error:
        note(f"abaca: {error}")
        return EXIT_USAGE
    except BackendError as error:
        note(f"abaca: {error}")
        return INFRASTRUCTURE


class _Plan:
    """Which submissions a file means."""

    def __init__(self, given: Submission, environments: tuple[str, ...], *, is_matrix: bool) -> None:
        self._given = given
        self._environments = environments
        self._is_matrix = is_matrix

    async def submissions(self, found: Found, by: Compilers) -> list[Submission]:
        """Raises ``ConfigError``."""
        files = found.given()
        given = msgspec.structs.replace(self._given, files=files, entry=found.entry)
        if len(files) == 1:
            given = msgspec.structs.replace(
                given, files=None, entry=None, source_code=files[0].content, filename=files[0].name
            )
        names: Iterable[str] = self._environments
        if self._is_matrix:
            names = available(await by.environments(), self._language(found), self._given.standard)
            if not names:
                raise ConfigError(f"{found.path}: no compiler here takes its language and standard")
        chosen = [msgspec.structs.replace(given, environment=name) for name in names]
        return chosen or [given]

    def _language(self, found: Found) -> str:
        named = self._given.language
        if named is not None:
            return ALIASES.get(named.lower(), named.lower())
        language = language_of(found.path.name)
        return "" if language is None else language.value


async def _command(by: Compilers, plan: _Plan, found: list[Found], style: Style, *, is_watching: bool) -> int:
    try:
        status = await _once(by, plan, found, style)
        while is_watching:
            changed = await _changed(found)
            found = [Found(one.path, one.base, found_files([str(one.path)], any_name=True)[0].files) for one in found]
            note(f"{', '.join(str(one.path) for one in changed)} changed")
            status = await _once(by, plan, [one for one in found if one.path in {each.path for each in changed}], style)
        return status
    finally:
        await by.close()


async def _once(by: Compilers, plan: _Plan, found: list[Found], style: Style) -> int:
    asked = [(one, submission) for one in found for submission in await plan.submissions(one, by)]
    report = Report(style, names_files=len(found) > 1)

    def landed(number: int, result: Result) -> None:
        report.landed(number, asked[number][0], result)

    try:
        await by.compile([submission for _, submission in asked], landed)
    except BackendError as error:
        for number, (one, _) in enumerate(asked):
            report.landed(number, one, infrastructure(str(error)))
    return report.end()


async def _changed(found: list[Found]) -> list[Found]:
    """Those of which a file is another one than now, as soon as there are any."""
    before = {one.path: _marks(one) for one in found}
    while True:
        await asyncio.sleep(_LOOK_AGAIN)
        changed = [one for one in found if _marks(one) != before[one.path] and one.path.exists()]
        if changed:
            return changed


def _marks(found: Found) -> list[tuple[int, int]]:
    marks = []
    for path in found.files:
        try:
            about = path.stat()
        except OSError:
            marks.append((0, 0))
        else:
            marks.append((about.st_mtime_ns, about.st_size))
    return marks


def _style(session: Session, *, sarif: bool, annotations: bool, quiet: bool) -> Style:
    asked = {Style.JSON: session.json, Style.SARIF: sarif, Style.ANNOTATIONS: annotations, Style.QUIET: quiet}
    chosen = [style for style, wanted in asked.items() if wanted]
    if len(chosen) > 1:
        raise ConfigError(f"--{chosen[0]} and --{chosen[1]} are two forms of the answer; give one")
    return chosen[0] if chosen else Style.TEXT
