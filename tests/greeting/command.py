"""Its command."""

from abaca.cli import Given, say


def greet(name: str, /, *, session: Given) -> None:
    """Greet somebody."""
    say(f"hello {name}")
