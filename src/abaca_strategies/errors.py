"""What can go wrong with what the service keeps. ``failures`` has what the engine raises.

StrategiesError
  NotFound                            is 404 over HTTP
    StrategyNotFound, VersionNotFound, DataSetNotFound, RunNotFound, SweepNotFound, RuleNotFound, SymbolNotFound
  Conflict                            somebody else changed it meanwhile, or the name is taken
  Refused                             a value that cannot be used; also a ValueError
    CodeRefused, DataRefused, TooLarge
  WriterFailed                        the strategy writer could not be asked; another attempt may go better
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class StrategiesError(Exception):
    """The base of what this application raises."""


class NotFound(StrategiesError):
    """``what`` names the kind of thing, ``id`` the one that was asked for."""

    what = "thing"

    def __init__(self, id: object, more: str = "") -> None:
        super().__init__(f"there is no {self.what} {id}{more and '; '}{more}")
        self.id = str(id)


class StrategyNotFound(NotFound):
    what = "strategy"


class VersionNotFound(NotFound):
    """A version that does not exist is never replaced by another."""

    def __init__(self, strategy_id: int, version: int | str, newest: int) -> None:
        StrategiesError.__init__(
            self, f"strategy {strategy_id} has no version {version}; its versions are 1 to {newest}"
        )
        self.id = f"{strategy_id}/{version}"


class DataSetNotFound(NotFound):
    what = "data set"


class RunNotFound(NotFound):
    what = "run"


class SweepNotFound(RunNotFound):
    what = "sweep"


class RuleNotFound(NotFound):
    what = "alert rule"


class SymbolNotFound(NotFound):
    """A ticker that the data set does not have."""

    def __init__(self, symbols: Iterable[str], dataset: str, known: Iterable[str]) -> None:
        missing, has = list(symbols), list(known)
        more = f" and {len(has) - 10} more" if len(has) > 10 else ""
        shown = f"{', '.join(has[:10])}{more}"
        StrategiesError.__init__(self, f"data set {dataset} has no {', '.join(missing[:10])}; it has {shown}")
        self.id = missing[0] if missing else ""


class Conflict(StrategiesError):
    """What was to be changed is not what it was, or a name is taken. Nothing was changed."""


class Refused(StrategiesError, ValueError):
    """A value cannot be used. ``field`` names it."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class CodeRefused(Refused):
    """Code that is no Python, or has none of the entry points."""

    def __init__(self, why: str) -> None:
        super().__init__("python_code", why)


class DataRefused(Refused):
    """Market data that are not sound, or cannot be read at all. ``problems`` has every kind of fault by ticker."""

    def __init__(self, why: str, problems: Sequence[Any] = ()) -> None:
        super().__init__("data", why)
        self.problems = tuple(problems)


class TooLarge(Refused):
    """More bytes or bars than a limit allows."""


class WriterFailed(StrategiesError):
    """The writer of strategies did not answer, or not in a way that can be used."""
