"""What the sandbox costs beside the bare command: ``python -m benchmarks.sandbox [RUNS]``.

Each command runs bare and sandboxed in turn, so that other work on the machine meets both. Wall time is the median of
the runs, and the fastest of them; CPU time is the mean, over everything that runs: this process, the slot's, bubblewrap
and the command. The last line is a script that imports pandas, in a fork of a process that has it loaded.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from abaca_sandbox import Preloaded, Program, Sandbox, setup_runtime

TICK = os.sysconf("SC_CLK_TCK")
HELLO_C = b'#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
HELLO_CPP = b"#include <iostream>\n#include <vector>\nint main() { std::vector<int> v{1, 2}; std::cout << v.size(); }\n"
HEAVY = ("numpy", "pandas")
CASES = {
    "true": Program(argv=("/bin/true",)),
    "gcc -fsyntax-only, C": Program(argv=("gcc", "-fsyntax-only", "main.c"), files={"main.c": HELLO_C}),
    "g++ -fsyntax-only, C++": Program(argv=("g++", "-fsyntax-only", "main.cpp"), files={"main.cpp": HELLO_CPP}),
}


@dataclass
class Cost:
    """What one way of running a command took."""

    walls: list[float] = field(default_factory=list)
    cpu: float = 0.0

    def line(self) -> tuple[float, ...]:
        count = len(self.walls)
        return statistics.median(self.walls) * 1000, min(self.walls) * 1000, self.cpu / count * 1000


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def slot_cpu(process: int) -> float:
    """Seconds of a slot's process and of all it waited for."""
    (inner,) = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    fields = Path(f"/proc/{inner}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


async def bare(program: Program, folder: Path, cost: Cost) -> None:
    started, cpu, children = time.perf_counter(), time.process_time(), children_cpu()
    for name, content in program.files.items():
        (folder / name).write_bytes(content)
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *program.argv, cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    await child.communicate()
    assert child.returncode == 0
    cost.walls.append(time.perf_counter() - started)
    cost.cpu += time.process_time() - cpu + children_cpu() - children


async def sandboxed(pool: Sandbox | Preloaded, program: Program, cost: Cost) -> None:
    started, cpu = time.perf_counter(), time.process_time()
    outcome = await pool.run(program)
    assert outcome.ok, outcome
    cost.walls.append(time.perf_counter() - started)
    cost.cpu += time.process_time() - cpu


async def compare(pool: Sandbox | Preloaded, name: str, outside: Program, inside: Program, runs: int) -> None:
    without, within = Cost(), Cost()
    process = pool._slots[0]._process
    assert process is not None
    used = slot_cpu(process.pid)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            await bare(outside, Path(folder), without)
            await sandboxed(pool, inside, within)
    within.cpu += slot_cpu(process.pid) - used
    left, right = without.line(), within.line()
    more = tuple(after - before for before, after in zip(left, right, strict=True))
    print(f"{name:26}" + "".join(f"{value:8.1f}" for value in (*left, *right, *more)))


async def main(runs: int) -> None:
    print(f"{'':26}{'bare':>24}{'sandboxed':>24}{'more':>24}   (ms: median, fastest, CPU)")
    async with Sandbox(slots=1) as sandbox:
        for name, program in CASES.items():
            await compare(sandbox, name, program, program, runs)
    runtime = setup_runtime(HEAVY, name="benchmark")
    files = {"main.py": "".join(f"import {module}\n" for module in HEAVY).encode()}
    outside = Program(argv=(str(runtime.folder / "bin" / "python"), "main.py"), files=files)
    async with Preloaded(runtime, HEAVY) as scripts:
        inside = Program(argv=("main.py",), files=files)
        await compare(scripts, " ".join(["preloaded", *HEAVY]), outside, inside, runs)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
