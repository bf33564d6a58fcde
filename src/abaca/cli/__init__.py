"""The ``abaca`` command."""

from abaca.cli.entry import main

__all__ = ["main"]
