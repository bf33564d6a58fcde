"""``abaca verify``"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from abaca.cli.output import print_json
from abaca.cli.session import Given
from abaca.errors import AbacaError, ConfigError
from abaca.verify.conduct import conduct
from abaca.verify.outcome import Outcome
from abaca.verify.plan import Plan
from abaca.verify.report import as_data, report

EXIT_HELD, EXIT_BROKEN, EXIT_CANNOT = 0, 1, 2


def verify(
    store: Annotated[str | None, Parameter(name="URL", help="The store; else as for every command.")] = None,
    /,
    *,
    minutes: Annotated[float, Parameter(help="How long faults and load last.")] = 1.0,
    jobs: Annotated[int | None, Parameter(help="Jobs to be accepted in that time. [default: 200 a second]")] = None,
    workers: Annotated[int, Parameter(help="Worker processes.")] = 4,
    clients: Annotated[int, Parameter(help="Client processes.")] = 2,
    kills: Annotated[int | None, Parameter(help="Workers and runners to SIGKILL. [default: 16 a minute]")] = None,
    pills: Annotated[int | None, Parameter(help="Jobs that end their process. [default: 16 a minute]")] = None,
    stops: Annotated[int | None, Parameter(help="Workers to stop beyond their lease. [default: 3 a minute]")] = None,
    store_kills: Annotated[
        int | None, Parameter(help="SIGKILLs of the own server, or of all processes on SQLite. [default: 3 a minute]")
    ] = None,
    network_faults: Annotated[
        int | None, Parameter(help="Faults of a proxy before Redis. [default: 10 a minute]")
    ] = None,
    client_kills: Annotated[int | None, Parameter(help="Clients to SIGKILL. [default: 3 a minute]")] = None,
    flushes: Annotated[
        int | None, Parameter(help="Other faults of the own server: flushes, full memory. [default: 4 a minute]")
    ] = None,
    clock_jumps: Annotated[int | None, Parameter(help="Jumps of wall clocks. [default: 4 a minute]")] = None,
    places: Annotated[
        int | None, Parameter(help="Processes to die at exact places of the code, about. [default: 6 a minute]")
    ] = None,
    lease: Annotated[float, Parameter(help="Seconds after which a silent worker's jobs are run elsewhere.")] = 3.0,
    seed: Annotated[int | None, Parameter(help="Draws the same faults again. [default: another every time]")] = None,
    own_server: Annotated[
        bool, Parameter(negative="", help="Start a redis-server for the run, so that it can be killed too.")
    ] = False,
    fsync: Annotated[
        str, Parameter(help="The own server's appendfsync: always, everysec, no; none: no AOF.")
    ] = "always",
    keep: Annotated[Path | None, Parameter(help="Leave histories and fault log in this folder.")] = None,
    session: Given,
) -> int:
    """Put a store to the test: real workers on it, killed, stopped and cut off, and every job accounted for.

    The run has a part of the store for itself, touches nothing else, and removes it at the end. Exit status: 0 every
    promise held; 1 one was broken, or nothing was put to the test; 2 it could not be done.
    """
    if own_server and store is not None:
        raise ConfigError("abaca verify: give a URL or --own-server, not both")
    url = "" if own_server else store or session.settings().url
    given = {
        "jobs": jobs,
        "kills": kills,
        "pills": pills,
        "stops": stops,
        "store_kills": store_kills,
        "network_faults": network_faults,
        "client_kills": client_kills,
        "flushes": flushes,
        "clock_jumps": clock_jumps,
        "places": places,
    }
    folder = keep.absolute() if keep is not None else Path(tempfile.mkdtemp(prefix="abaca-verify-"))
    if keep is not None and folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(f"--keep: {folder} is not empty; name a new folder")
    plan = Plan(
        url=url,
        folder=folder,
        seed=secrets.randbelow(10**6) if seed is None else seed,
        minutes=minutes,
        workers=workers,
        clients=clients,
        lease=lease,
        own_server=own_server,
        fsync=fsync,
        keep=keep is not None,
        **_counts(given, minutes),
    )
    try:
        outcome = asyncio.run(_until_told(plan, _tell if sys.stderr.isatty() else _say_nothing))
    except KeyboardInterrupt:
        _forget(plan)
        raise
    except asyncio.CancelledError:
        _forget(plan)
        print("abaca verify: told to stop; what it had stored is removed", file=sys.stderr)
        return EXIT_CANNOT
    except AbacaError as error:
        _forget(plan)
        print(f"abaca verify: {error}", file=sys.stderr)
        return EXIT_CANNOT
    _show(outcome, as_json=session.json)
    if outcome.ok:
        _forget(plan)
    return EXIT_HELD if outcome.ok else EXIT_BROKEN


async def _until_told(plan: Plan, tell: Callable[[str], None]) -> Outcome:
    """SIGTERM ends the run as SIGINT does: with everything cleaned up."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await conduct(plan, tell)


def _counts(given: dict[str, int | None], minutes: float) -> dict[str, Any]:
    """What was given, and the rest in proportion to the time."""
    usual = {field.name: field.default for field in fields(Plan)}
    return {
        name: round(usual[name] * minutes) if value is None else value  # type: ignore[operator]
        for name, value in given.items()
    }


def _show(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        print_json(as_data(outcome))
        return
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    text = report(outcome)
    print(text, end="")
    (outcome.plan.folder / "report.txt").write_text(text)


def _forget(plan: Plan) -> None:
    if not plan.keep:
        shutil.rmtree(plan.folder, ignore_errors=True)


def _tell(text: str) -> None:
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _say_nothing(text: str) -> None:
    pass
