"""How help is laid out: plain text, and what does not fit a line goes on under its entry."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from cyclopts.help.formatters import PlainFormatter

if TYPE_CHECKING:
    from rich.console import Console

_HANGING = 4


class HangingFormatter(PlainFormatter):
    def _print_plain(self, console: Console, text: str) -> None:
        indent = len(text) - len(text.lstrip(" "))
        if indent:
            text = textwrap.fill(
                " " * indent + " ".join(text.split()),
                console.width,
                subsequent_indent=" " * (indent + _HANGING),
                break_on_hyphens=False,
                break_long_words=False,
            )
        super()._print_plain(console, text)
