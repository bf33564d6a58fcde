"""``abaca strategies list``, ``show``, ``versions`` and ``diff``"""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from abaca.cli import EXIT_OK, Given, clean, note, print_json, print_pairs, print_table
from abaca_strategies.command.plain import Id, VersionOf
from abaca_strategies.command.running import run
from abaca_strategies.strategies import Strategies


def list_strategies(
    *,
    limit: Annotated[int, Parameter(help="How many.")] = 50,
    cursor: Annotated[str | None, Parameter(help="Where the answer before ended.")] = None,
    session: Given,
) -> int:
    """List strategies in the order of their ids, with their newest version."""
    page = run(session, lambda service: service.registry.list(cursor=cursor, limit=limit))
    if session.json:
        print_json(page)
        return EXIT_OK
    rows = [(one.strategy_id, one.newest, one.name, one.updated_at, one.description) for one in page.items]
    print_table(("id", "version", "name", "changed", "description"), rows, "there are no strategies")
    if page.cursor:
        note(f"there are more: --cursor {page.cursor}")
    return EXIT_OK


def show(
    strategy: Id,
    /,
    *,
    version: VersionOf = None,
    code: Annotated[bool, Parameter(negative="", help="The code alone, as it was given.")] = False,
    session: Given,
) -> int:
    """Show a strategy and its code. A version that is missing is an error, never another version."""
    found = run(session, lambda service: service.registry.get(strategy, version))
    if session.json:
        print_json(found)
        return EXIT_OK
    if code:
        sys.stdout.write(found.python_code)
        return EXIT_OK
    names = (
        "strategy_id",
        "version",
        "name",
        "description",
        "prompt",
        "created_at",
        "is_alert_active",
        "min_timeframe",
    )
    print_pairs([(name, getattr(found, name)) for name in names])
    sys.stdout.write("\n")
    print_lines(found.python_code)
    return EXIT_OK


def versions(strategy: Id, /, *, session: Given) -> int:
    """List the versions of a strategy, the newest first. Each can be shown, run and compared."""
    found = run(session, lambda service: service.registry.versions(strategy))
    if session.json:
        print_json(found)
        return EXIT_OK
    rows = [(one.version, one.name, one.created_at, one.code_digest, one.prompt) for one in found]
    print_table(("version", "name", "created", "code", "prompt"), rows, "it has no versions")
    return EXIT_OK


def diff(
    strategy: Id,
    before: Annotated[int | None, Parameter(name="FROM", help="[default: the version before TO]")] = None,
    after: Annotated[int | None, Parameter(name="TO", help="[default: the newest]")] = None,
    /,
    *,
    session: Given,
) -> int:
    """Show what changed in the code between two versions, as a unified diff."""

    async def look(service: Strategies) -> tuple[int, int, str]:
        last = after if after is not None else (await service.registry.head(strategy)).newest
        first = before if before is not None else max(last - 1, 1)
        return first, last, await service.registry.diff(strategy, first, last)

    first, last, text = run(session, look)
    if session.json:
        print_json({"strategy_id": strategy, "from": first, "to": last, "diff": text})
    elif text:
        print_lines(text)
    else:
        note(f"the code of versions {first} and {last} of strategy {strategy} is the same")
    return EXIT_OK


def print_lines(text: str) -> None:
    """As it is, but for what could steer a terminal."""
    for line in text.splitlines():
        parts = line.split("\t")
        sys.stdout.write("\t".join(clean(part) if part else "" for part in parts) + "\n")
