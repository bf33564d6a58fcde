"""What a chaos run is to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from abaca.errors import ConfigError

APPLICATION = "abaca.verify.tasks:app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Numbers of faults are for the whole run; zero leaves a fault out. Times in seconds, but for ``minutes``.

    ``url`` is empty with ``own_server``, which is a Redis started for the run with ``fsync`` as its ``appendfsync``.
    ``store_kills`` are SIGKILLs of that server; on SQLite they kill every process on the file at once, one of them in
    the middle of a write. ``places`` is about how many processes die at one of the places that ``buggify`` names.
    ``slack`` is added to every bound in time, and ``window`` is how long nothing may happen while jobs are ready and
    all is quiet. ``patience`` is how long the drain may stand still. ``may_be_vacuous``: a run in which an expected
    thing never happened is not a failure.
    """

    url: str
    folder: Path
    seed: int
    minutes: float = 1.0
    jobs: int = 12_000
    workers: int = 4
    clients: int = 2
    kills: int = 16
    pills: int = 16
    stops: int = 3
    store_kills: int = 3
    network_faults: int = 10
    client_kills: int = 3
    flushes: int = 4
    clock_jumps: int = 4
    places: int = 6
    lease: float = 3.0
    grace: float = 1.0
    concurrency: int = 40
    pace: float = 10.0
    slack: float = 3.0
    window: float = 5.0
    patience: float = 60.0
    own_server: bool = False
    fsync: str = "always"
    keep: bool = False
    may_be_vacuous: bool = False
    application: str = APPLICATION

    def __post_init__(self) -> None:
        for name in ("minutes", "jobs", "workers", "clients", "lease", "grace", "concurrency"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"abaca verify: {name.replace('_', '-')} must be above zero")
        if self.fsync not in ("always", "everysec", "no", "none"):
            raise ConfigError(f"abaca verify: fsync={self.fsync!r} is unknown; use always, everysec, no, or none")

    @property
    def seconds(self) -> float:
        return self.minutes * 60

    @property
    def beat(self) -> float:
        return int(self.lease * 1000 / 3) / 1000

    @property
    def period(self) -> float:
        """The length of a period of faults or of quiet."""
        return max(4.0, self.lease * 2.5, min(20.0, self.seconds / 8))
