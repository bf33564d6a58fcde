"""Why a program was not run at all. What a program did is never an exception but an `Outcome`."""

from __future__ import annotations


class SandboxError(Exception):
    """Base of what this package raises."""


class SandboxUnavailable(SandboxError):
    """This machine lacks a part of the sandbox, so nothing untrusted is run here.

    `remedy` is the command or setting that helps, for the person who operates the machine.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"programs cannot be sandboxed here: {reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy


class BadProgram(SandboxError, ValueError):
    """The caller asked for something that cannot be given: an unsafe file name, a mount that the slot cannot read."""


class SandboxClosed(SandboxError):
    """`run` was called before `open` or after `close`."""
