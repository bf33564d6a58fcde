"""docs/cli.md says of every command what the command says of itself."""

from __future__ import annotations

import inspect

import pytest
from cyclopts import App

from abaca.cli import status
from abaca.cli.entry import app
from abaca.cli.front import COMMANDS
from tests.house.cli_page import BEGIN, PAGE, commands, page

TREE = list(commands(app))


def test_the_page_has_every_command_with_its_flags() -> None:
    text = PAGE.read_text()
    assert page(text) == text, "write it anew: python -m tests.house.cli_page"


def test_the_page_names_every_exit_status() -> None:
    head = PAGE.read_text().partition(BEGIN)[0]
    statuses = [value for name, value in vars(status).items() if name.startswith("EXIT_")]
    assert not [value for value in statuses if f"\n| {value} | " not in head]


@pytest.mark.parametrize(("words", "command"), TREE, ids=[" ".join(words) for words, _ in TREE])
def test_a_command_says_what_it_does_and_each_flag_has_its_word(words: tuple[str, ...], command: App) -> None:
    if command.default_command is None:
        assert command.help
        return
    assert inspect.getdoc(command.default_command), "it needs a docstring"
    flags = [each for each in command.assemble_argument_collection() if each.show and each.name.startswith("--")]
    assert not [each.name for each in flags if not each.parameter.help]


def test_the_list_of_commands_is_that_of_the_tree() -> None:
    assert {words[1] for words, _ in TREE} == set(COMMANDS)
