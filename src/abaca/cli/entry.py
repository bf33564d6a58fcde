"""The command line: its commands, what holds for all of them, how they end.

A command's module is imported when that command runs, and by nothing else.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

from abaca import __version__
from abaca.cli.front import ABOUT, COMMANDS, EVERYWHERE, EXIT_STATUS, FLAGS, has_plugins
from abaca.cli.helping import HangingFormatter, mistake
from abaca.cli.session import Session
from abaca.cli.status import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK, EXIT_TIMEOUT, EXIT_USAGE
from abaca.errors import AbacaError, ConfigError, JobCancelled, ResultTimeout
from abaca.text import escape

_LENGTH = re.compile(r"\d+(\.\d+)?\s*(ms|s|m|h|d)?", re.ASCII)

_everywhere = partial(Parameter, group=Group(EVERYWHERE, sort_key=9))

app = App(
    name="abaca",
    help=f"{ABOUT}\n\n{EXIT_STATUS}",
    version=__version__,
    help_formatter=HangingFormatter(),
    help_format="plaintext",
    group_parameters=Group("Parameters", sort_key=1),
    print_error=False,
    exit_on_error=False,
)
for _name, (_where, _about) in COMMANDS.items():
    app.command(_where, name=_name, help=_about)


def _add_commands_of_plugins() -> None:
    """Loading plugins takes time, so it is done for a word that is no command of our own."""
    if not has_plugins():
        return
    from abaca.plugins import installed_plugins

    for plugin in installed_plugins().values():
        missing = plugin.missing()
        for command in plugin.commands:
            if command.name not in app:
                run = _refusal(f"the plugin {plugin.name!r} {missing}") if missing else command.where
                app.command(run, name=command.name, alias=command.aliases, help=command.about)


def _refusal(why: str) -> Callable[..., None]:
    """A command that says what is missing for it to run."""

    def refuse(*words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]) -> None:
        raise ConfigError(why)

    return refuse


@app.meta.default
def launch(
    *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    url: Annotated[str | None, _everywhere(help=FLAGS["url"])] = None,
    config: Annotated[Path | None, _everywhere(help=FLAGS["config"])] = None,
    json: Annotated[bool, _everywhere(negative="", help=FLAGS["json"])] = False,
    debug: Annotated[bool, _everywhere(negative="", help=FLAGS["debug"])] = False,
) -> Any:
    session = Session(url=url, config=config, json=json, debug=debug)
    if words and words[0] not in COMMANDS:
        _add_commands_of_plugins()
    command, bound, ignored = app.parse_args(_with_optional_values(words))
    given = {"session": session} if "session" in ignored else {}
    return _answer(lambda: command(*bound.args, **bound.kwargs, **given), debug=debug)


def run(words: Sequence[str]) -> int:
    """Run a command line; answers its status."""
    if not {"--help", "-h"}.isdisjoint(words) and COMMANDS.keys().isdisjoint(words):
        _add_commands_of_plugins()
    try:
        status = app.meta(words, result_action="return_value")
    except CycloptsError as error:
        print(f"abaca: {escape(mistake(error))}", file=sys.stderr)
        return EXIT_USAGE
    return status if isinstance(status, int) else EXIT_OK


def _answer(run: Callable[[], Any], *, debug: bool) -> Any:
    """Run a command; an error of ours is one line that says what to do."""
    try:
        return run()
    except AbacaError as error:
        if debug:
            raise
        from abaca.config import hide_passwords

        print(f"abaca: {escape(hide_passwords(str(error)))}", file=sys.stderr)
        return _status_of(error)


def _status_of(error: AbacaError) -> int:
    match error:
        case ConfigError():
            return EXIT_USAGE
        case JobCancelled():
            return EXIT_CANCELLED
        case ResultTimeout():
            return EXIT_TIMEOUT
        case _:
            return EXIT_FAILED


def _with_optional_values(words: Sequence[str]) -> list[str]:
    """``--wait`` may stand alone: then it waits as long as it takes."""
    found = list(words)
    for place, word in enumerate(words):
        after = words[place + 1] if place + 1 < len(words) else ""
        if word == "--wait" and not _LENGTH.fullmatch(after):
            found[place] = "--wait=forever"
    return found
