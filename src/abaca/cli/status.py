"""Exit statuses of every command; ``docs/cli.md`` has the table."""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
"""It did not work: no such job, a failed job, a store that is away, an act that was refused for one of several jobs."""
EXIT_USAGE = 2
"""The command, a flag or a setting is wrong; nothing was done."""
EXIT_CANCELLED = 3
"""The job that was waited for ended as cancelled."""
EXIT_TIMEOUT = 4
"""The time to wait was over first; the job goes on."""
EXIT_INTERRUPTED = 130
