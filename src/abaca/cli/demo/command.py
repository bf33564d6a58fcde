"""``abaca demo``"""

from __future__ import annotations

import asyncio
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abaca.cli.demo.files import default_folder, python_files
from abaca.cli.demo.screen import open_screen
from abaca.cli.demo.store import own_store
from abaca.cli.session import Given
from abaca.errors import ConfigError


def demo(
    path: Annotated[Path | None, Parameter(help="A folder of Python files. [default: the standard library]")] = None,
    /,
    *,
    processes: Annotated[int, Parameter(help="Worker processes.")] = 2,
    kill: Annotated[bool, Parameter(help="Kill one of the demo's own workers in the middle.")] = True,
    session: Given,
) -> int:
    """Analyse Python files in worker processes, kill one of them in the middle, and show that nothing is lost.

    Without --url the store is abaca-demo.db in this folder, made anew at every run.
    """
    if processes < 1:
        raise ConfigError(f"--processes: {processes} is not usable; give a number above zero")
    if session.url is not None and session.url.startswith("memory:"):
        raise ConfigError(
            "--url: the demo's workers are processes and cannot share memory://; use sqlite:// or redis://"
        )
    folder = (path or default_folder()).absolute()
    files = python_files(folder)
    with nullcontext(session.url) if session.url is not None else own_store(Path.cwd()) as url:
        os.environ["ABACA_URL"] = url  # the demo's application is made without one, as an ordinary user's
        from abaca.cli.demo.report import print_report
        from abaca.cli.demo.run import Plan, run_demo

        plan = Plan(url=url, folder=folder, files=files, processes=processes, kill=kill)
        with open_screen() as screen:
            ending = asyncio.run(run_demo(plan, screen))
    return print_report(url, ending.queue, ending.count, ending.summary)
