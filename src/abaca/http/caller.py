"""Who calls, and what they may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from abaca.http.errors import ApiError, Code
from abaca.keys import ApiKey
from abaca.model import Job


class Scope(StrEnum):
    """What a key may do. ``ADMIN`` includes every other one and sees the jobs of every owner."""

    READ = "jobs:read"
    WRITE = "jobs:write"
    WORKER = "worker"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """``owner``: whose jobs it sees and makes. ``csrf``: the token that what it posts must carry, where it came by a
    cookie. ``key`` is the id of its key, empty where none was needed. ``rate``: requests a minute. ``queues``: those
    that its workers may claim from, all where none is named.
    """

    key: str = ""
    name: str = ""
    owner: str | None = None
    scopes: frozenset[str] = frozenset()
    rate: int | None = None
    queues: tuple[str, ...] = ()
    csrf: str | None = None

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    def may(self, scope: str) -> bool:
        return scope in self.scopes or self.is_admin

    def sees(self, job: Job) -> bool:
        """Whether it may know of this job. A tombstone has no owner: whoever has its id may know that it ended."""
        return self.is_admin or job.purged or (self.owner is not None and job.spec.owner == self.owner)

    def own_key(self, key: str) -> str:
        """A key of a job among those of its owner, so that nobody holds, or replaces, what is another's."""
        return key if self.is_admin or self.owner is None else f"{self.owner}/{key}"

    @classmethod
    def of(cls, key: ApiKey, csrf: str | None = None) -> Caller:
        return cls(
            key=key.id,
            name=key.name,
            owner=key.owner,
            scopes=frozenset(key.scopes),
            rate=key.rate,
            queues=key.queues,
            csrf=csrf,
        )

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
