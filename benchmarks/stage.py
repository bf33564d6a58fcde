"""One contender on a fresh store: its client calls, its worker, and the count of what it has finished."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks import meter, peers
from benchmarks.meter import Usage
from benchmarks.registry import Contender
from benchmarks.server import Server, running_redis

ROOT = Path(__file__).resolve().parent.parent
CLIENT_SECONDS = 300.0
SETTLE_SECONDS = 60.0
STALL_SECONDS = 60.0
STOP_SECONDS = 15.0
QUIET = 0.4
"""A worker that uses less than this share of a core has ended its start."""


class Failed(Exception):
    """A contender did not do what it was asked; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class Call:
    """What one timed client run reported, and what was used by worker and server meanwhile."""

    jobs: int
    seconds: float
    cpu: float
    latencies: list[float]
    used: Usage


@dataclass(frozen=True)
class Worker:
    process: subprocess.Popen[bytes]

    def signal(self, number: int) -> None:
        for handle in self._family():
            _send(handle, number)

    def stop(self) -> None:
        """Asks the first process to end, and kills what of its tree is left after a while."""
        family = self._family()
        self.process.terminate()
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        for handle in family:
            _send(handle, signal.SIGKILL)
        self.process.wait()

    def _family(self) -> list[int]:
        """A handle for each process of the tree: unlike a number, it never means another process later."""
        handles = []
        for pid in meter.tree(self.process.pid):
            try:
                handles.append(os.pidfd_open(pid))
            except ProcessLookupError:
                pass
        return handles


def _send(handle: int, number: int) -> None:
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


class Stage:
    def __init__(self, contender: Contender, folder: Path, server: Server | None) -> None:
        self.contender = contender
        self.server = server
        self.url = server.url if server else f"sqlite:///{folder}/bench.db"
        self._folder = folder
        self._log = folder / "contender.log"
        self._reader: sqlite3.Connection | None = None

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def call(self, verb: str, *words: str, worker: Worker | None = None) -> Call:
        """Runs the contender's client to its end. Raises Failed when it fails or takes too long."""
        with self._log.open("ab") as log:
            process = self._start(verb, words, subprocess.PIPE, log)
        watchdog = threading.Timer(CLIENT_SECONDS, process.kill)
        watchdog.start()
        assert process.stdout is not None
        try:
            before, after, answer = None, None, None
            for line in process.stdout:
                if not line.startswith(b'{"event'):
                    continue  # chatter of a library
                said = json.loads(line)
                if said["event"] == "begin":
                    before = self.usage(worker)
                else:
                    after, answer = self.usage(worker), said
            code = process.wait()
        finally:
            watchdog.cancel()
            process.kill()
            process.stdout.close()
        if code != 0 or before is None or after is None or answer is None:
            raise Failed(f"{self.contender.name} {verb} ended with {code}: {self._tail()}")
        return Call(answer["jobs"], answer["seconds"], answer["cpu"], answer["latencies"], after.since(before))

    @contextmanager
    def worker(self, processes: int, threads: int, purpose: str) -> Iterator[Worker]:
        """A worker that has ended its start; stopped by SIGTERM, and killed if that does not help."""
        words = ("--processes", str(processes), "--threads", str(threads), "--purpose", purpose)
        with self._log.open("ab") as log:
            worker = Worker(self._start("worker", words, log, log))
        try:
            self.settle(worker)
            yield worker
        finally:
            worker.stop()

    def settle(self, worker: Worker) -> None:
        """Waits until the worker's processes have ended their start and wait for work."""
        deadline = time.monotonic() + SETTLE_SECONDS
        quiet = 0
        while quiet < 3:
            before = self.usage(worker)
            time.sleep(0.25)
            used = self.usage(worker).since(before)
            quiet = quiet + 1 if used.tree < QUIET * used.at else 0
            if worker.process.poll() is not None:
                raise Failed(f"the worker of {self.contender.name} ended: {self._tail()}")
            if time.monotonic() > deadline:
                raise Failed(f"the worker of {self.contender.name} does not come to rest: {self._tail()}")

    def count(self) -> int:
        """The store's answer to the contender's probe. Cheap: asked many times a second while a backlog drains."""
        queries = self.contender.probe.queries
        if self.server is not None:
            return sum(self.server.client.number(*query.split()) for query in queries)
        try:
            if self._reader is None:
                self._reader = sqlite3.connect(f"file:{self.url.removeprefix('sqlite:///')}?mode=ro", uri=True)
            return sum(int(self._reader.execute(query).fetchone()[0]) for query in queries)
        except sqlite3.OperationalError as error:
            raise Failed(f"{self.contender.name} cannot be counted: {error}") from error

    def finished(self, baseline: int) -> int:
        """Jobs that got their result since the probe said ``baseline``."""
        change = self.count() - baseline
        return change if self.contender.probe.counts == "done" else -change

    def usage(self, worker: Worker | None) -> Usage:
        return meter.usage(worker.process.pid if worker else None, self.server.pid if self.server else None)

    def _start(
        self, verb: str, words: tuple[str, ...], output: int | IO[bytes], log: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        command = [*peers.command(self.contender), verb, "--url", self.url, *words]
        if self.contender.variant:
            command += ["--variant", self.contender.variant]
        paths = [str(ROOT)] + ([str(ROOT / "src")] if self.contender.home == "own" else [])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **peers.environment(self.contender)}
        return subprocess.Popen(
            command, stdout=output, stderr=log, stdin=subprocess.DEVNULL, cwd=self._folder, env=environment
        )

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-1500:] or "(no output)"


@contextmanager
def fresh(contender: Contender, persistence: str) -> Iterator[Stage]:
    """A stage with an empty store in a temporary folder, which is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="abaca-bench-"))
    try:
        if contender.store == "redis":
            with running_redis(folder, persistence) as server:
                yield Stage(contender, folder, server)
        else:
            with closing(Stage(contender, folder, None)) as stage:
                yield stage
    finally:
        shutil.rmtree(folder, ignore_errors=True)
