"""How a run ended, from what was counted and which signal there was."""

from __future__ import annotations

import signal
from typing import Any, NamedTuple

from abaca_sandbox.slot.running import Facts


class Verdict(NamedTuple):
    end: str
    exit_code: int | None
    signal: int | None


def judge(facts: Facts, limits: dict[str, Any]) -> Verdict:
    """What ended the program. `facts.touched` gets what only the end shows.

    A limit explains a failure only where it was met; a program that met one and still ended with 0 has exited.
    """
    code, killer = facts.exit_code, facts.signal
    if facts.cpu >= limits["cpu"] or killer == signal.SIGXCPU:
        facts.touched.add("cpu_limit")
    if killer == signal.SIGXFSZ:
        facts.touched.add("file_limit")
    if facts.killed_for:
        return Verdict(facts.killed_for, None, killer)
    if code is None and killer is None:
        return Verdict("sandbox_error", None, None)
    if code != 0:
        for limit in ("cpu_limit", "file_limit", "process_limit"):
            if limit in facts.touched:
                return Verdict(limit, code, killer)
    return Verdict("signalled", None, killer) if killer else Verdict("exited", code, None)
