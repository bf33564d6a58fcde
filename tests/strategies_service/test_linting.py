"""What is said of code that was only read."""

from __future__ import annotations

import pytest

from abaca_strategies.running.linting import MAX_CODE, lint
from tests.strategies_service.authors import FORMS, PEEKING

SIGNALS = "def signals(df, params):\n"
FAULTS = {
    "no Python": ("def signals(df, params:\n    pass\n", "syntax", 1),
    "a null byte": ("def signals(df, params):\n    return '\x00'\n", "syntax", 0),
    "nested too deeply": ("x = " + "(" * 5000 + ")" * 5000, "syntax", None),
    "too long": ("#" * (MAX_CODE + 1), "size", 0),
    "too long in bytes": ("#" + "\N{EURO SIGN}" * (MAX_CODE // 2), "size", 0),
    "no entry point": ("def trade(df):\n    return 1\n", "no_entry_point", 0),
    "a class that is no strategy": ("class Thing:\n    def init(self): pass\n", "no_entry_point", 0),
    "async": ("async def signals(df, params):\n    return 1\n", "entry", 1),
    "too many arguments": ("def signals(df, params, more):\n    return 1\n", "entry", 1),
    "a keyword that is needed": ("def signals(df, *, more):\n    return 1\n", "entry", 1),
    "no argument": ("def signals():\n    return 1\n", "entry", 1),
    "strategy with a table": ("def strategy(df, params):\n    return []\n", "entry", 1),
    "parameters that are no dict": (f"PARAMS = [1]\n{SIGNALS}    return 1\n", "params", 1),
}
NOTES = {
    "a module that is not inside": (f"import requests\n{SIGNALS}    return 1\n", "import", 1),
    "a part of one": (f"from os.path import join\n{SIGNALS}    return 1\n", "import", 1),
    "a relative import": (f"from . import x\n{SIGNALS}    return 1\n", "import", 1),
    "a file": (f"{SIGNALS}    return open('x')\n", "call", 2),
    "eval": (f"{SIGNALS}    return eval('1')\n", "call", 2),
    "the way to all classes": (f"{SIGNALS}    return ().__class__\n", "call", 2),
    "two entry points": (f"{SIGNALS}    return 1\ndef strategy():\n    return []\n", "entry", 1),
    "a shift into the future": (f"{SIGNALS}    return df.close.shift(-1)\n", "look_ahead", 2),
    "a shift by a name": (f"{SIGNALS}    n = 3\n    return df.close.shift(-n)\n", "look_ahead", 3),
    "a difference to the next": (f"{SIGNALS}    return df.close.diff(-1)\n", "look_ahead", 2),
    "a centred window": (f"{SIGNALS}    return df.close.rolling(3, center=True).mean()\n", "look_ahead", 2),
    "filled from behind": (f"{SIGNALS}    return df.close.bfill()\n", "look_ahead", 2),
}


@pytest.mark.parametrize("name", FAULTS)
def test_an_error_is_found_with_its_line(name: str) -> None:
    code, kind, line = FAULTS[name]
    first = lint(code)[0]
    assert (first.severity, first.kind) == ("error", kind)
    assert line is None or first.line == line
    assert str(first) == (f"line {first.line}: {first.text}" if first.line else first.text)


@pytest.mark.parametrize("name", NOTES)
def test_a_note_keeps_no_code_from_running(name: str) -> None:
    code, kind, line = NOTES[name]
    (found,) = [one for one in lint(code) if one.kind == kind]
    assert (found.severity, found.line) == ("note", line)
    assert {one.severity for one in lint(code)} == {"note"}


@pytest.mark.parametrize("form", FORMS)
def test_sound_code_of_every_form_has_nothing_to_say(form: str) -> None:
    assert lint(FORMS[form]) == []


def test_a_cell_needs_no_entry_point_and_may_look_anywhere() -> None:
    assert lint("df.close.shift(-1)", is_cell=True) == []
    assert [one.kind for one in lint(PEEKING)] == ["look_ahead"]


def test_reading_code_runs_none_of_it_and_warns_nobody() -> None:
    lint(f"raise SystemExit\nimport sys; sys.exit()\nx = '\\d'\n{SIGNALS}    return 1 is 1\n")
