"""What a ``sqlite://`` URL says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from abaca.errors import ConfigError

Synchronous = Literal["full", "normal", "off"]

DURABILITY: dict[Synchronous, str] = {
    "full": "sqlite, synchronous=full: acknowledged writes survive a crash of the process and of the machine, "
    "and loss of power",
    "normal": "sqlite, synchronous=normal: acknowledged writes survive a crash of the process; "
    "the last ones may be lost when the machine or its power fails",
    "off": "sqlite, synchronous=off: acknowledged writes survive a crash of the process; "
    "when the machine or its power fails, the last ones or the whole file may be lost",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """``path`` is absolute. ``busy_seconds`` is how long a call waits for another process's write."""

    path: Path
    synchronous: Synchronous = "full"
    busy_seconds: float = 10.0

    @property
    def wake_folder(self) -> Path:
        """Where the processes on this file tell each other of changes."""
        return self.path.with_name(self.path.name + "-wake")


def parse_url(url: str) -> Settings:
    """Raises ``ConfigError`` for a URL without a file, with a host, or with an option that is not known."""
    parts = urlsplit(url)
    if parts.netloc:
        raise ConfigError(f"store URL {url!r} names a host; write sqlite:///relative.db or sqlite:////absolute/path.db")
    path = unquote(parts.path.removeprefix("/"))
    if not path or path == ":memory:" or path.endswith("/"):
        raise ConfigError(f"store URL {url!r} names no file; write sqlite:///relative.db, or memory:// for no file")
    synchronous: Synchronous = "full"
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name != "synchronous":
            raise ConfigError(
                f"store URL {url!r}: unknown option {name!r}; the only one is synchronous=full|normal|off"
            )
        if value not in DURABILITY:
            raise ConfigError(f"store URL {url!r}: synchronous={value!r} is not one of full, normal, off")
        synchronous = value
    return Settings(path=Path(path).absolute(), synchronous=synchronous)
