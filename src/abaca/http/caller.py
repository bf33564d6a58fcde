"""Who calls, and what they may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from abaca.http.errors import ApiError, Code
from abaca.model import Job


class Scope(StrEnum):
    """What a key may do. ``ADMIN`` includes every other one and sees the jobs of every owner."""

    READ = "jobs:read"
    WRITE = "jobs:write"
    WORKER = "worker"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """``owner``: whose jobs it sees; ``None`` for one that sees all. ``csrf``: the token that what it posts must carry,
    where it came by a cookie. ``key`` is the id of its key, empty where none was needed.
    """

    key: str = ""
    name: str = ""
    owner: str | None = None
    scopes: frozenset[str] = frozenset()
    rate: int | None = None
    csrf: str | None = None

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    def may(self, scope: str) -> bool:
        return scope in self.scopes or self.is_admin

    def sees(self, job: Job) -> bool:
        """Whether it may know of this job."""
        return self.is_admin or self.owner is None or job.spec.owner == self.owner

    def require(self, scope: str) -> None:
        if not self.may(scope):
            raise ApiError(
                403,
                Code.FORBIDDEN,
                f"this needs the scope {scope!r}, which the key {self.name or self.key!r} does not have",
                details={"scope": scope},
            )


LOCAL = Caller(name="loopback", scopes=frozenset({Scope.ADMIN}))
"""Whoever calls a service without keys, which answers on loopback alone."""
