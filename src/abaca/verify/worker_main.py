"""A worker of a chaos run: ``abaca worker``, which ends with its conductor.

``python -m abaca.verify.worker_main PARENT_PID WORD...``
"""

from __future__ import annotations

import importlib
import os
import signal
import sys

from abaca.verify.places import arm_places
from abaca.worker.keeper import die_with_parent


def main() -> None:
    die_with_parent(int(sys.argv[1]))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    arm_places(os.environ)
    importlib.import_module("abaca.cli").main(["worker", *sys.argv[2:]])  # the face stands above this package


if __name__ == "__main__":
    main()
