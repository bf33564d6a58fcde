"""How help and mistakes are laid out: plain text, and what does not fit a line goes on under its entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cyclopts.help.formatters import PlainFormatter

from abaca.cli.front import hung
from abaca.text import did_you_mean, near_names

if TYPE_CHECKING:
    from cyclopts import CycloptsError
    from rich.console import Console


class HangingFormatter(PlainFormatter):
    def _print_plain(self, console: Console, text: str) -> None:
        if text.startswith(" "):
            text = "\n".join(hung(text, console.width))
        super()._print_plain(console, text)


def mistake(error: CycloptsError) -> str:
    """What is wrong with a command line, in one line."""
    from cyclopts.exceptions import UnknownCommandError, UnusedCliTokensError

    if isinstance(error, UnusedCliTokensError | UnknownCommandError):
        return _unexpected(error)
    return " ".join(str(error).split())


def _unexpected(error: CycloptsError) -> str:
    """A word too many: below a group it was meant as a command."""
    word = (error.unused_tokens or [""])[0]
    chain = " ".join(error.command_chain or ())
    known = [name for name in error.app or () if not name.startswith("-")]
    if not known:
        return f"{chain}: the word {word!r} is one too many; `abaca {chain} --help` tells what it takes"
    near = did_you_mean(near_names(word, known)) or f"; there are {', '.join(known)}"
    return f"no such command {' '.join(['abaca', *(error.command_chain or ()), word])!r}{near}"
