"""What can be wrong before a compiler runs."""

from __future__ import annotations


class CompileError(Exception):
    """The base of what the compile service raises."""


class ValidationError(CompileError, ValueError):
    """A submission cannot be run as it is. ``field`` names what to change, as ``files[0].name``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.reason = message


class UnknownEnvironment(ValidationError):
    """No toolchain of this name is here. ``near`` are the ids of those that come close to it."""

    def __init__(self, field: str, message: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(field, message)
        self.near = near


class EnvironmentUnavailable(UnknownEnvironment):
    """The toolchain is known and cannot be used now. ``remedy`` is the command that helps."""

    def __init__(self, field: str, message: str, remedy: str | None = None, near: tuple[str, ...] = ()) -> None:
        super().__init__(field, message, near)
        self.remedy = remedy


class Unsandboxed(CompileError):
    """There is no sandbox here, so no untrusted source is compiled. The message says what is missing and what helps."""
