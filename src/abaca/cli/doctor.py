"""``abaca doctor``"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from abaca.cli.checkup import Checkup, Finding, Level, examine
from abaca.cli.output import clean, print_json
from abaca.cli.session import Given
from abaca.config import hide_passwords
from abaca.errors import BackendError

EXIT_HEALTHY, EXIT_FAULTS, EXIT_CANNOT_JUDGE = 0, 1, 2
_STYLES = {Level.WEAKNESS: "yellow", Level.WARNING: "yellow", Level.FAULT: "bold red", Level.REPAIRED: "green"}
_MOST_LINES = 200
"""How many findings are printed for people; machines get all."""
_NO_WIDTH = 100_000


def doctor(
    store: Annotated[str | None, Parameter(name="URL", help="The store; else as for every command.")] = None,
    /,
    *,
    repair: Annotated[bool, Parameter(negative="", help="Mend what can be made anew of the job records.")] = False,
    session: Given,
) -> int:
    """Examine a store: connection, versions, settings, its records recounted, workers, jobs that nobody can run.

    Exit status: 0 the store agrees with its records; 1 it does not (see --repair); 2 it cannot be judged. Weak settings
    and jobs that nobody can run are told and do not change the status. Safe beside live traffic.
    """
    if store is not None:
        session = replace(session, url=store)
    try:
        checkup = session.run(lambda app: examine(app, repair=repair))
    except BackendError as error:
        return _cannot_judge(hide_passwords(str(error)), as_json=session.json)
    if session.json:
        print_json({"judged": True, "healthy": checkup.healthy, **msgspec.to_builtins(checkup)})
    else:
        _print(checkup)
    return EXIT_HEALTHY if checkup.healthy else EXIT_FAULTS


def _cannot_judge(reason: str, *, as_json: bool) -> int:
    if as_json:
        print_json({"judged": False, "error": reason})
    else:
        print(f"abaca: the store cannot be judged: {clean(reason)}", file=sys.stderr)
    return EXIT_CANNOT_JUDGE


def _print(checkup: Checkup) -> None:
    """On a terminal lines are folded; elsewhere each finding is one line, for grep."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _NO_WIDTH)
    with console.capture() as captured:
        _draw(checkup, console)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _draw(checkup: Checkup, console: Console) -> None:
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(checkup):
        facts.add_row(Text(name, style="bold"), Text(clean(value)))
    console.print(facts)
    if checkup.findings:
        console.print()
        console.print(_table(checkup.findings[:_MOST_LINES]))
        if len(checkup.findings) > _MOST_LINES:
            console.print(f"... and {len(checkup.findings) - _MOST_LINES} more; --json lists all")
    console.print()
    console.print(_verdict(checkup))


def _facts(checkup: Checkup) -> list[tuple[str, str]]:
    way = "ahead of" if checkup.clock_ms >= 0 else "behind"
    return [
        ("store", f"{checkup.url}, answers in {checkup.answer_ms:g} ms"),
        ("versions", ", ".join(f"{name} {version}" for name, version in checkup.versions.items())),
        ("durability", checkup.durability),
        ("clock", f"{abs(checkup.clock_ms):g} ms {way} this machine's"),
        ("jobs", f"{checkup.waiting:,} waiting, {checkup.running:,} running"),
        ("workers", f"{checkup.workers} alive"),
        ("repaired", f"{checkup.repaired_total:,} entries since the store was made"),
    ]


def _table(findings: Iterable[Finding]) -> Table:
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        level = Text(finding.level.value, style=_STYLES[finding.level])
        table.add_row(level, Text(clean(finding.about)), Text(clean(finding.text), overflow="fold"))
    return table


def _verdict(checkup: Checkup) -> Text:
    faults = sum(finding.level is Level.FAULT for finding in checkup.findings)
    repaired = sum(finding.level is Level.REPAIRED for finding in checkup.findings)
    if faults and repaired:
        return Text(f"{repaired} faults repaired; {faults} cannot be, they are told above", style="bold red")
    if faults:
        return Text(f"{faults} faults: the store disagrees with its records; --repair mends them", style="bold red")
    if repaired:
        return Text(f"{repaired} faults repaired; the store agrees with its records now", style="bold green")
    return Text("the store agrees with its records", style="bold green")
