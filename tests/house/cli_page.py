"""The reference in docs/cli.md, made of the real command tree: ``python -m tests.house.cli_page`` writes it anew."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclopts import App

from abaca.cli.entry import _add_commands_of_plugins, app
from abaca.plugins import installed_plugins

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
BEGIN = "<!-- Below here the page is written by `python -m tests.house.cli_page`. -->"
FILTER = "tag"
"""A flag that belongs to the filter and to nothing else of the same kind."""


def commands(tree: App, words: tuple[str, ...] = ("abaca",)) -> Iterator[tuple[tuple[str, ...], App]]:
    """Every command, groups before what is below them; one that has several names under the first."""
    yield from _commands(tree, words, set())


def _commands(tree: App, words: tuple[str, ...], seen: set[int]) -> Iterator[tuple[tuple[str, ...], App]]:
    for name in tree:
        if not name.startswith("-") and id(tree[name]) not in seen:
            command = tree[name]
            seen.add(id(command))
            yield (*words, name), command
            yield from _commands(command, (*words, name), seen)


def reference() -> str:
    parts = ["## Filters", "", "Commands that search take these flags. Together they narrow.", ""]
    parts += [_flag(each) for each in _arguments(app["jobs"]["list"]) if each.keys]
    _add_commands_of_plugins()
    theirs = {command.name for plugin in installed_plugins().values() for command in plugin.commands}
    parts += ["", "## Commands", ""]
    for words, command in commands(app):
        if words[1] not in theirs:
            parts += [f"### `{' '.join(words)}`", "", *_about(command), ""]
    parts += ["## Commands of applications", "", "They come with the applications of this project.", ""]
    for words, command in commands(app):
        if words[1] in theirs:
            parts += [f"### `{' '.join(words)}`", "", *_about(command), ""]
    return "\n".join(parts).rstrip() + "\n"


def page(text: str) -> str:
    """The page with its reference as it should be."""
    return text.partition(BEGIN)[0] + BEGIN + "\n\n" + reference()


def _about(command: App) -> list[str]:
    says = inspect.cleandoc(command.help if command.default_command is None else command.default_command.__doc__ or "")
    lines = [says]
    arguments = _arguments(command)
    flags = [_flag(each) for each in arguments if not each.keys]
    if any(each.keys for each in arguments):
        flags.append("- The [filters](#filters).")
    return [*lines, "", *flags] if flags else lines


def _arguments(command: App) -> list[Any]:
    if command.default_command is None:
        return []
    return [each for each in command.assemble_argument_collection() if each.show]


def _flag(each: Any) -> str:
    about = each.parameter.help
    name = each.name if each.name.startswith("-") else each.name.upper()
    negative = "".join(f", `{name}`" for name in each.negatives if each.field_info.default is True)
    return f"- `{name}`{negative}" + (f": {about}" if about else "")


def main() -> None:
    PAGE.write_text(page(PAGE.read_text()))


if __name__ == "__main__":
    main()
