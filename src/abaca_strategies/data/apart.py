"""Reads one file of market data in a process of its own.

``python -m abaca_strategies.data.apart FILE INTO FORM ADJUST MOST`` writes a packed file ``INTO``. What a stranger sent
may be made to eat memory or to break a parser; then this process ends, and no other. Where the data cannot be read it
says why on its standard output and exits with ``REFUSED``.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from abaca_strategies.data.packing import write_packed
from abaca_strategies.data.reading import read
from abaca_strategies.failures import DataError

MEMORY = 4 << 30
"""Bytes of address space."""
CPU_SECONDS = 240
REFUSED = 3
ADJUST = "adjust"


def main(arguments: list[str]) -> int:
    source, into, form, adjust, most = arguments
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        data = read(Path(source), "data", form=form, adjust=adjust == ADJUST, check=False, most=int(most))
        write_packed(data, Path(into))
    except DataError as error:
        sys.stdout.write(str(error).replace("\n", " "))
        return REFUSED
    except MemoryError:
        sys.stdout.write("reading it takes more memory than it may")
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
