"""What a ``sqlite://`` URL says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from abaca.errors import ConfigError

Synchronous = Literal["full", "normal", "off"]

DURABILITY: dict[Synchronous, str] = {
    "full": "synchronous=full: acknowledged writes survive a crash of the process and of the machine, "
    "and loss of power",
    "normal": "synchronous=normal: acknowledged writes survive a crash of the process; "
    "the last ones may be lost when the machine or its power fails",
    "off": "synchronous=off: acknowledged writes survive a crash of the process; "
    "when the machine or its power fails, the last ones or the whole file may be lost",
}

WEAKNESS: dict[Synchronous, tuple[str, ...]] = {
    "full": (),
    "normal": (
        "synchronous=normal: weakens G1 and G2, loss of power may take the last accepted jobs and ends, whose jobs run "
        "again; the file stays sound; leave ?synchronous= out of the URL",
    ),
    "off": (
        "synchronous=off: weakens G1, G2 and G7, loss of power or a crash of the machine may take the last accepted "
        "jobs and ends, or the whole file; leave ?synchronous= out of the URL",
    ),
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
