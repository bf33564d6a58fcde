"""A client process of a chaos run: ``python -m abaca.verify.client_main ERRAND PARENT_PID``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from abaca.verify.calls import Calls
from abaca.verify.load import Errand, Load
from abaca.verify.places import arm_places
from abaca.worker.keeper import die_with_parent
from abaca.worker.loading import load_app

COUNT_SUFFIX = ".count"


class Told:
    """How far the client is, where the conductor can read it also when the client was killed."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __call__(self, acked: int, pills: int) -> None:
        os.pwrite(self._fd, b"%012d %012d\n" % (acked, pills), 0)


def read_count(path: Path) -> tuple[int, int]:
    """Accepted jobs and pills of a client; zeros before it told any."""
    try:
        acked, pills = path.read_text().split()
    except (FileNotFoundError, ValueError):
        return 0, 0
    return int(acked), int(pills)


async def _run(errand: Errand) -> None:
    app = load_app(errand.application)
    folder = Path(errand.folder)
    calls = Calls(app, folder, errand.name)
    load = Load(app, calls, errand, Told(folder / f"{errand.name}{COUNT_SUFFIX}"))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, load.stopping.set)
    try:
        await load.run()
    finally:
        await app.close()


def main() -> None:
    die_with_parent(int(sys.argv[2]))
    arm_places(os.environ)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the conductor hears it and tells us
    asyncio.run(_run(msgspec.json.decode(sys.argv[1], type=Errand)))


if __name__ == "__main__":
    main()
