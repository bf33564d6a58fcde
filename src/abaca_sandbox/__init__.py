"""Runs programs that nobody vouches for: isolated, limited, and told apart by how they ended.

Knows nothing of Abaca. See docs/sandbox.md for what it guarantees and what it does not.
"""

from abaca_sandbox.checking import Part, Report
from abaca_sandbox.errors import BadProgram, SandboxClosed, SandboxError, SandboxUnavailable
from abaca_sandbox.model import End, Limits, Mount, Outcome, Program, Usage
from abaca_sandbox.sandbox import Sandbox

__all__ = [
    "BadProgram",
    "End",
    "Limits",
    "Mount",
    "Outcome",
    "Part",
    "Program",
    "Report",
    "Sandbox",
    "SandboxClosed",
    "SandboxError",
    "SandboxUnavailable",
    "Usage",
]
