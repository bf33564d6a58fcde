"""``abaca strategies validate``"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from abaca import ConfigError
from abaca.cli import EXIT_FAILED, EXIT_OK, Given, clean, note, print_json
from abaca_strategies.command.plain import code_in
from abaca_strategies.running.linting import Finding, lint


def validate(
    *files: Annotated[str, Parameter(name="FILE", help="Code of a strategy; - reads standard input.")],
    session: Given,
) -> int:
    """Say what is wrong with code and what may be, by line and without running it. No store is needed.

    Errors keep a strategy from being taken; notes do not. What keeps code from doing harm is the sandbox alone.
    Exit status: 0 no errors; 1 there are errors; 2 the command is wrong.
    """
    if not files:
        raise ConfigError("name a file")
    found = {name: lint(code_in(name)) for name in files}
    is_bad = any(one.severity == "error" for each in found.values() for one in each)
    if session.json:
        print_json([{"file": name, "findings": [_json(one) for one in each]} for name, each in found.items()])
    else:
        for name, each in found.items():
            for one in each:
                sys.stdout.write(f"{clean(name)}:{one.line}:{one.column}: {one.severity}: {clean(one.text)}\n")
        if not any(found.values()):
            note("nothing to say")
    return EXIT_FAILED if is_bad else EXIT_OK


def _json(finding: Finding) -> Any:
    return msgspec.to_builtins(finding)
