"""``python -m benchmarks.compile``: the compile service beside the bare compilers, on the same files and in turns.

Files per second against ``xargs -P2``, CPU per file above the bare compiler, cache hits per second, and how long one
small C file takes from submission to verdict. A figure is the median of its rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from shlex import join

import msgspec

from abaca import App, Call
from abaca_compile.model import Built, CachePolicy, Compilation, Environment, Language, SourceFile, Submission
from abaca_compile.plugin import PLUGIN
from abaca_compile.service.compiler import Compiler
from abaca_compile.service.opening import Machine, Openings, open_machine
from abaca_compile.service.submitting import plan
from abaca_compile.service.works import Work
from tests.compile.conftest import rust_home
from tests.compile.plain import command
from tests.compile.test_corpus import FAMILIES, INDEX, compilation_of

SLOTS = 2
SMALL = "int main(void) { return 0; }\n"
_TURN = 10
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Took:
    """Seconds on the wall, and of CPU of this process and all below it."""

    wall: float
    cpu: float


def cpu_of_tree() -> float:
    """CPU seconds of this process, of all that it has waited for, and of those below it that live."""
    mine = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ended = sum(one.ru_utime + one.ru_stime for one in mine)
    parents, spent = {}, {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.parent.name)
        parents[pid] = int(fields[1])
        spent[pid] = sum(map(int, fields[11:15])) / _TICKS  # its own time, and that of what it has waited for
    below: set[int] = set()
    latest = {os.getpid()}
    while latest:
        latest = {pid for pid, parent in parents.items() if parent in latest}
        below |= latest
    return ended + sum(spent[pid] for pid in below)


class Bare:
    """The same compilations as command lines, in folders of their own.

    Each in a session of its own, as the sandbox's slots are: a busy kernel shares its time out by sessions.
    """

    def __init__(self, folder: Path, work: list[tuple[Compilation, Environment]]) -> None:
        lines = []
        for number, (compilation, environment) in enumerate(work):
            for file in compilation.files:
                path = folder / str(number) / file.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.content)
            words = join(command(compilation, environment))
            lines.append(f"cd {folder / str(number)} && exec setsid {words} >/dev/null 2>&1\n")
        self._list = "".join(lines)

    def run(self) -> None:
        """``xargs`` ends with 123 where a source does not compile, as some do not."""
        words = ["xargs", "-P", str(SLOTS), "-d", "\\n", "-n", "1", "sh", "-c"]
        subprocess.run(words, input=self._list, text=True, check=False)


async def through(compiler: Compiler, work: list[Compilation], cache: CachePolicy) -> list[Built]:
    """Every compilation as a job; answers when all have ended."""
    calls: list[Call[Built]] = [compiler.run.call(Work(compilation=one, cache=cache)) for one in work]
    handles = await compiler.app.enqueue_many(calls)
    return [await handle.result(timeout=600) for handle in handles]


def corpus(machine: Machine, languages: Iterable[Language]) -> list[tuple[Compilation, Environment]]:
    """The corpus for the newest usable compiler of each family."""
    found: list[tuple[Compilation, Environment]] = []
    for language, family in FAMILIES:
        usable = [one for one in machine.catalogue.of(Language(language)) if one.family is family and one.available]
        if Language(language) not in languages or not usable:
            continue
        found += [
            (compilation_of(program, usable[0], machine.engine), usable[0])
            for program in INDEX
            if family in program and program["files"][0].startswith(f"{language}/")
        ]
    return found


async def measured(do: Callable[[], object]) -> Took:
    before, began = cpu_of_tree(), time.perf_counter()
    made = do()
    if asyncio.iscoroutine(made):
        await made
    return Took(time.perf_counter() - began, cpu_of_tree() - before)


async def throughput(
    compiler: Compiler, work: list[tuple[Compilation, Environment]], rounds: int, folder: Path, name: str
) -> None:
    bare = Bare(folder, work)
    compilations = [compilation for compilation, _ in work]
    ours: list[Took] = []
    theirs: list[Took] = []
    for _ in range(rounds):
        theirs.append(await measured(lambda: asyncio.to_thread(bare.run)))
        ours.append(await measured(lambda: through(compiler, compilations, CachePolicy.BYPASS)))
    count = len(work)
    wall, bare_wall = (statistics.median(one.wall for one in each) for each in (ours, theirs))
    cpu, bare_cpu = (statistics.median(one.cpu for one in each) for each in (ours, theirs))
    print(f"{name}: {count} files")
    print(f"  bare, xargs -P{SLOTS}   {count / bare_wall:7.1f} files/s   {1000 * bare_cpu / count:7.1f} CPU-ms a file")
    print(f"  service           {count / wall:7.1f} files/s   {1000 * cpu / count:7.1f} CPU-ms a file")
    print(f"  ratio {bare_wall / wall:.2f}, {1000 * (cpu - bare_cpu) / count:+.1f} CPU-ms a file", flush=True)


async def latency(compiler: Compiler, rounds: int, folder: Path) -> None:
    """One after the other, in turns of ten; each text is another one, so that no cache answers."""
    (small,) = await plan(compiler, Submission(source_code=SMALL, language="c"))
    environment = (await compiler.fleet()).catalogue.get(small.environment)
    assert environment is not None
    path, words = folder / small.entry, command(small, environment)
    walls: dict[str, list[float]] = {"bare": [], "service": []}
    cpus: dict[str, list[float]] = {"bare": [], "service": []}

    async def bare() -> None:
        path.write_bytes(_another())
        process = await asyncio.create_subprocess_exec(*words, cwd=folder)
        await process.wait()

    async def service() -> None:
        file = SourceFile(name=small.entry, content=_another())
        await compiler.run.run(Work(compilation=msgspec.structs.replace(small, files=(file,))))

    for _ in range(rounds):
        for name, do in (("bare", bare), ("service", service)):
            before = cpu_of_tree()
            for _ in range(_TURN):
                began = time.perf_counter()
                await do()
                walls[name].append(1000 * (time.perf_counter() - began))
            cpus[name].append(1000 * (cpu_of_tree() - before) / _TURN)
    print(f"one small C file, {rounds * _TURN} times, submitted and waited for:")
    for name in walls:
        wall, cpu = statistics.median(walls[name]), statistics.median(cpus[name])
        print(f"  {name:8} p50 {wall:6.1f} ms   least {min(walls[name]):6.1f} ms   {cpu:5.1f} CPU-ms", flush=True)


def _another() -> bytes:
    return f"{SMALL}// {time.time_ns()}\n".encode()


async def hits(compiler: Compiler, times: int) -> None:
    (small,) = await plan(compiler, Submission(source_code=SMALL, language="c"))
    await compiler.run.run(Work(compilation=small))
    began = time.perf_counter()
    handles = await compiler.app.enqueue_many(compiler.recall.call(Work(compilation=small)) for _ in range(times))
    for handle in handles:
        assert (await handle.result(timeout=60)).result.cache is not None
    print(f"cache hits: {times / (time.perf_counter() - began):,.0f} a second, each a job of its own")


async def measure(url: str, rounds: int, toolchains: Path) -> None:
    machine = await open_machine(Openings(slots=SLOTS, images="", toolchains=str(toolchains), allow_unsandboxed=False))
    await machine.prepare()  # as a worker does in the background
    app = App(url, plugins=[PLUGIN])
    compiler = Compiler.of(app)
    compiler.use(machine)
    print(f"store {url.partition(':')[0]}, {SLOTS} slots, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        async with app, app.worker(queues=PLUGIN.queues):
            await compiler.ready()
            await latency(compiler, 3 * rounds, Path(name))
            await hits(compiler, 1000)
            heavy = (Language.CPP, Language.RUST)
            for languages, title in (
                (heavy, "C++ and Rust"),
                (tuple(set(Language) - set(heavy) - {Language.GO, Language.ZIG}), "the rest, without Go and Zig"),
            ):
                if work := corpus(machine, languages):
                    await throughput(compiler, work, rounds, Path(name) / title.replace(" ", "-"), title)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--url", default="", help="the store; without one a new SQLite file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        toolchains = Path(folder) / "toolchains"
        toolchains.mkdir(mode=0o755)
        if (rust := rust_home()) is not None:  # it lies in a home that the sandbox's users cannot enter
            subprocess.run(["cp", "-al", rust, toolchains / "rustc"], check=False, capture_output=True)
        asyncio.run(measure(given.url or f"sqlite:///{folder}/abaca.db", given.rounds, toolchains))


if __name__ == "__main__":
    main()
