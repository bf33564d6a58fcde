"""Runs programs that nobody vouches for: isolated, limited, and told apart by how they ended.

Knows nothing of Abaca. See docs/sandbox.md for what it guarantees and what it does not.
"""

from abaca_sandbox.adopting import CannotAdopt, adopt, adopted
from abaca_sandbox.checking import Part, Report
from abaca_sandbox.errors import BadProgram, SandboxClosed, SandboxError, SandboxUnavailable
from abaca_sandbox.model import End, Limits, Mount, Outcome, Program, Usage
from abaca_sandbox.places import Obstacle, obstacle
from abaca_sandbox.runtime import Runtime
from abaca_sandbox.runtime import load as load_runtime
from abaca_sandbox.runtime import setup as setup_runtime
from abaca_sandbox.sandbox import Preloaded, Sandbox

__all__ = [
    "BadProgram",
    "CannotAdopt",
    "End",
    "Limits",
    "Mount",
    "Obstacle",
    "Outcome",
    "Part",
    "Preloaded",
    "Program",
    "Report",
    "Runtime",
    "Sandbox",
    "SandboxClosed",
    "SandboxError",
    "SandboxUnavailable",
    "Usage",
    "adopt",
    "adopted",
    "load_runtime",
    "obstacle",
    "setup_runtime",
]
