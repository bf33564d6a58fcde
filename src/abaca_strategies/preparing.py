"""Builds what strategies need beside packages: the Python that they run with in the sandbox.

``python -m abaca_strategies.preparing`` does it by hand; what is there already takes no time.
"""

from __future__ import annotations

import sys

from rich.console import Console

from abaca_sandbox import SandboxUnavailable
from abaca_strategies.failures import StrategyError
from abaca_strategies.running.runtime import is_prepared, prepare_runtime


def main() -> int:
    console = Console(stderr=True)
    try:
        if not is_prepared():
            console.print("Building the Python that strategies run with in the sandbox", highlight=False)
        prepare_runtime()
    except (SandboxUnavailable, StrategyError) as error:
        console.print(str(error), highlight=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
