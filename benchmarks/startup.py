"""``python -m benchmarks.startup``: how long it takes to start, as the median and the best of ten."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

TIMES = 10
COMMANDS = {
    "an interpreter that does nothing": ("-c", "pass"),
    "`import abaca`": ("-c", "import abaca"),
    "`abaca --help`": ("-m", "abaca", "--help"),
    "`abaca version`": ("-m", "abaca", "version"),
    "`abaca jobs --help`": ("-m", "abaca", "jobs", "--help"),
}


def measured(words: tuple[str, ...]) -> tuple[list[float], list[float]]:
    """Seconds on the clock and of CPU, of each run."""
    took: list[float] = []
    used: list[float] = []
    for _ in range(TIMES):
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        took.append(time.perf_counter() - began)
        used.append(usage.ru_utime + usage.ru_stime)
        if process.returncode is None:
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
    return took, used


def main() -> None:
    print("| | seconds, median of ten | best | CPU seconds, median |")
    print("|---|---:|---:|---:|")
    for name, words in COMMANDS.items():
        took, used = measured(words)
        print(f"| {name} | {statistics.median(took):.3f} | {min(took):.3f} | {statistics.median(used):.3f} |")


if __name__ == "__main__":
    main()
