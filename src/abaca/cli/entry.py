"""The command line's front: which commands there are, what holds for all of them, how they end.

A command's module is imported when that command runs, and by nothing else.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

from cyclopts import App, CycloptsError, Group, Parameter

from abaca import __version__
from abaca.cli.helping import HangingFormatter, mistake
from abaca.cli.session import Session
from abaca.cli.status import EXIT_CANCELLED, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_TIMEOUT, EXIT_USAGE
from abaca.errors import AbacaError, ConfigError, JobCancelled, ResultTimeout
from abaca.text import escape

_HELP = (
    "Typed, durable background jobs on SQLite or Redis.\n\n"
    "Exit status: 0 it worked; 1 it did not (no such job, a failed job, a store that is away); "
    "2 the command, a flag or a setting is wrong; of a command that waits for a job also 3 it was cancelled, "
    "4 the time to wait was over."
)
_LENGTH = re.compile(r"\d+(\.\d+)?\s*(ms|s|m|h|d)?", re.ASCII)

COMMANDS = {
    "demo": ("abaca.cli.demo.command:demo", "Analyse Python files in worker processes, kill one, lose nothing."),
    "worker": ("abaca.cli.worker:worker", "Run jobs of an application in worker processes."),
    "dev": ("abaca.cli.dev:dev", "Run worker, API and dashboard, which start anew when code changes."),
    "serve": ("abaca.cli.serve:serve", "Answer over HTTP: the API, its description, and the dashboard."),
    "enqueue": ("abaca.cli.enqueue:enqueue", "Enqueue one job by its task's name."),
    "jobs": ("abaca.cli.jobs:jobs", "List jobs; show, explain, follow, cancel, requeue or delete them."),
    "queues": ("abaca.cli.queues:queues", "Show how much waits in each queue; pause, limit, weigh, empty one."),
    "tasks": ("abaca.cli.tasks:tasks", "Show the tasks that workers know; pause, resume or limit one."),
    "schedules": ("abaca.cli.schedules:schedules", "List schedules; create, change, run, disable or delete them."),
    "workers": ("abaca.cli.workers:workers", "Show the workers: where they run, what they serve; drain one."),
    "top": ("abaca.cli.top.command:top", "Watch a store live: queues, workers, running jobs, rates."),
    "keys": ("abaca.cli.keys:keys", "Show the API keys of the service; create or revoke one."),
    "doctor": ("abaca.cli.doctor:doctor", "Examine a store, recount its records, tell what its settings weaken."),
    "copy": ("abaca.cli.copy:copy", "Copy waiting jobs, schedules and settings to another store."),
    "config": ("abaca.cli.config:config", "Print every setting and where it came from."),
    "bench": ("abaca.cli.bench:bench", "Measure a store from this machine: enqueue, drain, submit and wait."),
    "verify": ("abaca.cli.verify:verify", "Put a store to the test: kill, stop and cut off workers, and count."),
    "completion": (
        "abaca.cli.completion:completion",
        "Print a script that completes commands in bash, zsh or fish.",
    ),
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
    print_error=False,
    exit_on_error=False,
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
    command, bound, ignored = app.parse_args(_with_optional_values(words))
    given = {"session": session} if "session" in ignored else {}
    return _answer(lambda: command(*bound.args, **bound.kwargs, **given), debug=debug)


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Run a command line (default: this process's) and exit with its status."""
    _write_what_the_terminal_lacks_as_escapes()
    try:
        status = app.meta(words, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        print(f"abaca: {escape(mistake(error))}", file=sys.stderr)
        status = EXIT_USAGE
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


def _write_what_the_terminal_lacks_as_escapes() -> None:
    """A name in a script that the locale does not know is no reason to end with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leave_the_pipe() -> None:
    """The reader has what it wanted (``| head``). Nothing more may be written, not even by the interpreter's exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
