"""The front page: what ``abaca --help`` says, and the names and words that the parser takes from here.

It is written without the parser, whose modules take several times as long to load as this page takes to write.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence

ABOUT = "Typed, durable background jobs on SQLite or Redis."
EXIT_STATUS = (
    "Exit status: 0 it worked; 1 it did not (no such job, a failed job, a store that is away); "
    "2 the command, a flag or a setting is wrong; of a command that waits for a job also 3 it was cancelled, "
    "4 the time to wait was over."
)
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
"""Where each command is, and what it does."""
EVERYWHERE = "For every command"
FLAGS = {
    "url": "The store; else ABACA_URL, abaca.toml, sqlite:///abaca.db.",
    "config": "The settings file; else ABACA_CONFIG, ./abaca.toml.",
    "json": "Answer for machines, in JSON.",
    "debug": "Show the traceback of an error.",
}
"""What holds for every command."""
HANGING = 4
"""What does not fit a line goes on so many columns further in."""
_OF_THE_FRONT = {"--help, -h": "Display this message and exit.", "--version": "Display application version."}
_SHOWN_AS = {"url": "--url STR", "config": "--config PATH", "json": "--json", "debug": "--debug"}
_DEFAULTS = {"json": " [default: False]", "debug": " [default: False]"}


def is_asked_for(words: Sequence[str]) -> bool:
    """Whether a command line asks for the front page and nothing else."""
    return list(words) in ([], ["--help"], ["-h"])


def front_page(width: int = 0) -> str:
    """The page for a terminal of so many columns; 0: of this one."""
    columns = width or _columns()
    return "\n".join(_lines(columns)) + "\n"


def _lines(width: int) -> Iterator[str]:
    yield "Usage: abaca COMMAND [OPTIONS]"
    for text in (ABOUT, EXIT_STATUS):
        yield ""
        yield from textwrap.wrap(text, width)
    commands = {name: about for name, (_, about) in COMMANDS.items()} | _commands_of_plugins()
    yield from _table("Commands", dict(sorted(commands.items())) | _OF_THE_FRONT, width)
    flags = {_SHOWN_AS[name]: about + _DEFAULTS.get(name, "") for name, about in FLAGS.items()}
    yield from _table(EVERYWHERE, flags, width)
    yield ""


def has_plugins() -> bool:
    """Whether any installed package names a plugin. ``importlib.metadata`` would tell which, and takes longer to load
    than all of the front."""
    for folder in dict.fromkeys(sys.path):
        try:
            packages = [
                entry.path for entry in os.scandir(folder or ".") if entry.name.endswith((".dist-info", ".egg-info"))
            ]
        except OSError:
            continue
        if any(map(_names_a_plugin, packages)):
            return True
    return False


def _names_a_plugin(package: str) -> bool:
    try:
        with open(os.path.join(package, "entry_points.txt"), "rb") as file:
            return b"[abaca.plugins]" in file.read()
    except OSError:
        return False


def _columns() -> int:
    """``COLUMNS``, else the terminal's, else 80."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or 80
    except (OSError, ValueError):
        return 80


def _commands_of_plugins() -> dict[str, str]:
    if not has_plugins():
        return {}
    from abaca.plugins import installed_plugins

    plugins = installed_plugins().values()
    return {
        command.name: "\n  ".join((command.about, *command.aliases))
        for plugin in plugins
        for command in plugin.commands
    }


def _table(title: str, entries: Mapping[str, str], width: int) -> Iterator[str]:
    yield ""
    yield f"{title}:"
    for name, about in entries.items():
        for line in f"  {name}: {about}".splitlines():  # other names of a command stand below it
            yield from hung(line, width)


def hung(line: str, width: int) -> list[str]:
    """An indented line in as many as it takes."""
    indent = len(line) - len(line.lstrip(" "))
    return textwrap.wrap(
        " " * indent + " ".join(line.split()),
        width,
        subsequent_indent=" " * (indent + HANGING),
        break_on_hyphens=False,
        break_long_words=False,
    )
