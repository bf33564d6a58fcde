"""``secret=``: the parameters of a task whose values nobody is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from abaca.errors import ConfigError
from abaca.limitspec import Limit
from abaca.text import shown


def secret_names(
    names: Iterable[str], task: str, parameters: Sequence[str], limits: Iterable[Limit]
) -> tuple[str, ...]:
    """Raises ``ConfigError`` naming the task for what is no parameter of it, and for one that a limit goes by: its
    values are names of buckets, which everybody sees."""
    if isinstance(names, str):
        raise ConfigError(f"task {task!r}, secret: {shown(names)} is one text; give a list of parameters")
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in parameters:
            raise ConfigError(f"task {task!r}, secret: {shown(name)} is not one of its parameters")
    for limit in limits:
        if limit.per in chosen:
            raise ConfigError(
                f"task {task!r}, secret: Limit(per={limit.per!r}) goes by it, and names of limits are shown; "
                "limit by another argument"
            )
    return chosen
