"""``abaca copy``"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import msgspec
from cyclopts import Parameter

from abaca.app import App
from abaca.cli.output import print_json, print_pairs
from abaca.cli.session import Given
from abaca.copying import Copied, copy_store
from abaca.errors import ConfigError

EXIT_COPIED, EXIT_SOME_LEFT = 0, 1


def copy(
    source: Annotated[str, Parameter(name="FROM", help="The store with the jobs.")],
    target: Annotated[str, Parameter(name="TO", help="The store that gets them.")],
    /,
    *,
    move: Annotated[
        bool, Parameter(negative="", help="Delete each job from the first once the second has it.")
    ] = False,
    dry_run: Annotated[bool, Parameter(negative="", help="Count what would be copied.")] = False,
    kind: Annotated[
        tuple[str, ...], Parameter(help="A kind of records to copy too, of your own; may be given several times.")
    ] = (),
    session: Given,
) -> int:
    """Copy the jobs that have not begun, schedules, settings and keys from one store to another.

    Stop all workers and whoever enqueues before. It may be repeated: what is there already is left alone. Jobs that
    have begun, and results, stay; let the first store's workers finish them before, or afterwards.
    Exit status: 0 every waiting job was copied; 1 some stayed, and why.
    """
    if source == target:
        raise ConfigError("copy: both stores are the same")
    here = replace(session, url=source)
    copied = here.run(lambda old: _copy(old, target, move=move, dry_run=dry_run, kinds=kind))
    if session.json:
        print_json(msgspec.to_builtins(copied))
    else:
        _print(copied, dry_run=dry_run)
    return EXIT_SOME_LEFT if copied.left else EXIT_COPIED


async def _copy(old: App, target: str, *, move: bool, dry_run: bool, kinds: tuple[str, ...]) -> Copied:
    async with App(target) as new:
        return await copy_store(old.client(), new.client(), move=move, dry_run=dry_run, kinds=kinds)


def _print(copied: Copied, *, dry_run: bool) -> None:
    done = "would be copied" if dry_run else "copied"
    print_pairs(
        [
            (f"jobs {done}", copied.jobs),
            ("there already", copied.known),
            ("deleted here", copied.moved),
            (f"records {done}", copied.records),
            ("there already", copied.known_records),
            *((f"left: {why}", count) for why, count in copied.left.most_common()),
        ]
    )
