"""The command line's front: which commands there are, what holds for all of them, how they end.

A command's module is imported when that command runs, and by nothing else.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

from cyclopts import App, Group, Parameter

from abaca import __version__
from abaca.cli.helping import HangingFormatter
from abaca.cli.session import Session
from abaca.errors import AbacaError, ConfigError
from abaca.text import escape

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_HELP = (
    "Typed, durable background jobs on SQLite or Redis.\n\n"
    "Exit status: 0 it worked; 1 it did not (no such job, a failed job, a store that is away); "
    "2 the command, a flag or a setting is wrong."
)

COMMANDS = {
    "demo": ("abaca.cli.demo.command:demo", "Analyse Python files in worker processes, kill one, lose nothing."),
    "worker": ("abaca.cli.worker:worker", "Run jobs of an application in worker processes."),
    "serve": ("abaca.cli.serve:serve", "Answer over HTTP: the API, its description, and the dashboard."),
    "enqueue": ("abaca.cli.enqueue:enqueue", "Enqueue one job by its task's name."),
    "jobs": ("abaca.cli.jobs:jobs", "List jobs; show, wait for, cancel, requeue or delete them."),
    "queues": ("abaca.cli.queues:queues", "Show how much waits in each queue; pause, limit, weigh, empty one."),
    "tasks": ("abaca.cli.tasks:tasks", "Show the tasks that workers know; pause, resume or limit one."),
    "schedules": ("abaca.cli.schedules:schedules", "List schedules; create, change, run, disable or delete them."),
    "workers": ("abaca.cli.workers:workers", "Show the live workers."),
    "keys": ("abaca.cli.keys:keys", "Show the API keys of the service; create or revoke one."),
    "doctor": ("abaca.cli.doctor:doctor", "Examine a store, recount its records, tell what its settings weaken."),
    "config": ("abaca.cli.config:config", "Print every setting and where it came from."),
    "verify": ("abaca.cli.verify:verify", "Put a store to the test: kill, stop and cut off workers, and count."),
    "version": ("abaca.cli.version:version", "Print the version of abaca and of what it runs on."),
}

_everywhere = partial(Parameter, group=Group("For every command", sort_key=9))

app = App(
    name="abaca",
    help=_HELP,
    version=__version__,
    help_formatter=HangingFormatter(),
    help_format="plaintext",
    group_parameters=Group("Parameters", sort_key=1),
)
for _name, (_where, _about) in COMMANDS.items():
    app.command(_where, name=_name, help=_about)


@app.meta.default
def launch(
    *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    url: Annotated[str | None, _everywhere(help="The store; else ABACA_URL, abaca.toml, sqlite:///abaca.db.")] = None,
    config: Annotated[Path | None, _everywhere(help="The settings file; else ABACA_CONFIG, ./abaca.toml.")] = None,
    json: Annotated[bool, _everywhere(negative="", help="Answer for machines, in JSON.")] = False,
    debug: Annotated[bool, _everywhere(negative="", help="Show the traceback of an error.")] = False,
) -> Any:
    session = Session(url=url, config=config, json=json, debug=debug)
    command, bound, ignored = app.parse_args(words)
    given = {"session": session} if "session" in ignored else {}
    return _answer(lambda: command(*bound.args, **bound.kwargs, **given), debug=debug)


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Run a command line (default: this process's) and exit with its status."""
    _write_what_the_terminal_lacks_as_escapes()
    try:
        status = app.meta(words, result_action="return_value")
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_the_pipe()
        status = 0
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    sys.exit(status if isinstance(status, int) else 0)


def _answer(run: Callable[[], Any], *, debug: bool) -> Any:
    """Run a command; an error of ours is one line that says what to do."""
    try:
        return run()
    except AbacaError as error:
        if debug:
            raise
        from abaca.config import hide_passwords

        print(f"abaca: {escape(hide_passwords(str(error)))}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, ConfigError) else EXIT_FAILED


def _write_what_the_terminal_lacks_as_escapes() -> None:
    """A name in a script that the locale does not know is no reason to end with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leave_the_pipe() -> None:
    """The reader has what it wanted (``| head``). Nothing more may be written, not even by the interpreter's exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
