"""``abaca dev``"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abaca.cli.output import note
from abaca.cli.session import Given
from abaca.cli.status import EXIT_OK
from abaca.errors import ConfigError
from abaca.views.words import listed

_ASKED, _TOLD = 10.0, 5.0
"""Seconds that a child has after the first and after the second SIGTERM."""
_DEBOUNCE_MS = 400
"""An editor that saves several files makes one restart."""
_SERVER = ("litestar", "uvicorn")


def dev(
    application: Annotated[str, Parameter(name="APP", help="Where the tasks are, as module:attribute.")],
    /,
    *,
    watch: Annotated[
        tuple[Path, ...], Parameter(negative="", help="Folders and files to watch. [default: this folder]")
    ] = (),
    queues: Annotated[str | None, Parameter(help="Queues to serve, as a,b. [default: default]")] = None,
    concurrency: Annotated[int | None, Parameter(help="Slots of the worker. [default: 50]")] = None,
    drain: Annotated[str, Parameter(help="What running jobs have at a restart; then they start anew.")] = "2s",
    serve: Annotated[bool, Parameter(negative="--no-serve", help="API and dashboard beside the worker.")] = True,
    port: Annotated[int | None, Parameter(help="The port of API and dashboard. [default: 8000]")] = None,
    session: Given,
) -> int:
    """Run a worker, API and dashboard, all of which start anew when the code changes.

    For the desk, not for production. API and dashboard are `abaca serve` and need the extra abaca[server]; watching
    needs abaca[reload]. While a changed file is no Python everything stays as it was.
    """
    if importlib.util.find_spec("watchfiles") is None:
        raise ConfigError("abaca dev watches files with the extra reload: pip install 'abaca[reload]'")
    for path in watch:
        if not path.exists():
            raise ConfigError(f"--watch: {path} is not there")
    flags = {"--queues": queues, "--concurrency": concurrency, "--drain": drain}
    given = [f"{name}={value}" for name, value in flags.items() if value is not None]
    worker = Child("worker", ["worker", application, *given], session)
    server = _server(application, port, session) if serve else None
    children = [child for child in (worker, server) if child is not None]
    return asyncio.run(_run(children, watch or (Path.cwd(),)))


def _server(application: str, port: int | None, session: Given) -> Child | None:
    """`abaca serve` as a process of its own."""
    if any(importlib.util.find_spec(name) is None for name in _SERVER):
        note("abaca dev: no API and no dashboard; they need the extra server: pip install 'abaca[server]'")
        return None
    given = [] if port is None else [f"--port={port}"]
    return Child("server", ["serve", application, *given, "--drain=1s"], session)


class Child:
    """An abaca command in a process of its own, which can be started again and again."""

    def __init__(self, name: str, words: list[str], session: Given) -> None:
        self.name = name
        self._words = [sys.executable, "-m", "abaca", *words, *_for_every_command(session)]
        self._process: asyncio.subprocess.Process | None = None
        self._ended: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        self._stopping = False
        self._process = await asyncio.create_subprocess_exec(
            *self._words, stdin=asyncio.subprocess.DEVNULL, process_group=0, env=_with_folder(os.environ)
        )
        self._ended = asyncio.create_task(self._tell_end(self._process))

    async def again(self) -> None:
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        """SIGTERM, a second one for whoever does not end, and then SIGKILL."""
        if self._process is None or self._ended is None:
            return
        self._stopping = True
        for number, seconds in ((signal.SIGTERM, _ASKED), (signal.SIGTERM, _TOLD), (signal.SIGKILL, _TOLD)):
            if self._process.returncode is None:
                self._process.send_signal(number)
            await asyncio.wait([self._ended], timeout=seconds)
            if self._ended.done():
                return

    async def _tell_end(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        if not self._stopping:
            note(f"abaca dev: the {self.name} ended with status {status}; it is started anew when a file changes")


async def _run(children: list[Child], paths: tuple[Path, ...]) -> int:
    from watchfiles import PythonFilter, awatch

    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    try:
        for child in children:
            await child.start()
        note(f"abaca dev: watching {', '.join(map(str, paths))}; Ctrl-C ends it")
        wanted = PythonFilter(extra_extensions=(".toml",))
        async for changes in awatch(*paths, watch_filter=wanted, debounce=_DEBOUNCE_MS, stop_event=told):
            changed = sorted({Path(path) for _, path in changes})
            if (mistake := _mistake(changed)) is not None:
                note(f"abaca dev: {mistake}; everything stays as it is until that is mended")
                continue
            note(f"abaca dev: {listed([path.name for path in changed])} changed; starting anew")
            await asyncio.gather(*(child.again() for child in children))
    finally:
        await asyncio.gather(*(child.stop() for child in children))
    return EXIT_OK


def _mistake(paths: list[Path]) -> str | None:
    """What makes one of the files no Python; ``None`` where each is some, or is gone."""
    for path in paths:
        if path.suffix != ".py" or not path.exists():
            continue
        try:
            compile(path.read_bytes(), path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            return f"{path.name}{line}: {error.msg if isinstance(error, SyntaxError) else error}"
    return None


def _for_every_command(session: Given) -> list[str]:
    words = [] if session.url is None else [f"--url={session.url}"]
    return words if session.config is None else [*words, f"--config={session.config}"]


def _with_folder(environ: os._Environ[str]) -> dict[str, str]:
    """Output that is read by people while it comes."""
    return {**environ, "PYTHONUNBUFFERED": "1"}
