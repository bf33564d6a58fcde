"""What a program loads that has the strategies aboard and does not use them."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import abaca_strategies.plugin
from abaca import App
from abaca_strategies.strategies import Strategies
Strategies(App("memory://"))
print([name for name in ("numpy", "pandas", "matplotlib") if name in sys.modules])
"""


def test_neither_numpy_nor_pandas_is_loaded_before_they_are_used() -> None:
    # Given a fresh interpreter, When the service is declared on an app
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=50, check=True)
    # Then none of what takes long is loaded
    assert done.stdout.strip() == "[]"
