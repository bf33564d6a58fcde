"""How the text or TOML value of a setting becomes a value, and how a value is shown.

Every reader takes the raw value and ``what``, the setting with its source, and raises ``ConfigError`` naming it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from abaca.checks import check_name
from abaca.durations import parse_duration
from abaca.errors import ConfigError
from abaca.text import shown

MAX_COUNT = 1_000_000
_COUNT = re.compile(r"\d{1,18}", re.ASCII)
_SIZE = re.compile(r"(\d{1,18})\s*(B|kB|MB|GB|KiB|MiB|GiB)?", re.ASCII)
_BYTES = {"": 1, "B": 1, "kB": 1000, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
_USER_INFO = re.compile(r"(\b(?:rediss?|postgres(?:ql)?)://)\S*@|(?<=://)[^\s/]*@")
"""Up to the last ``@`` where a server is named, because an unquoted password may hold a ``/``."""
_SECRET_QUERY = re.compile(r"(?i)([?&][^=&\s]*(?:pass|secret|token)[^=&\s]*=)[^&\s]*")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9.])?", re.ASCII)
_NUMBERS = re.compile(r"[\d.]+(/.*)?", re.ASCII)
HIDDEN = "***"
_FLAGS = {"true": True, "1": True, "on": True, "yes": True, "false": False, "0": False, "off": False, "no": False}


def read_url(raw: Any, what: str) -> str:
    if not isinstance(raw, str) or "://" not in raw:
        raise ConfigError(f"{what}: {shown(raw)} is not a store URL; write sqlite:///file.db or redis://host:6379/0")
    return raw


def check_store_url(url: object, what: str) -> str:
    if not isinstance(url, str) or not urlsplit(url).scheme or "://" not in url:
        raise ConfigError(f"{what}: {url!r} is no store URL; use sqlite:///file.db, redis://host:port/0 or memory://")
    return url


def read_count(raw: Any, what: str) -> int:
    number = int(raw) if isinstance(raw, str) and _COUNT.fullmatch(raw.strip()) else raw
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_COUNT:
        raise ConfigError(f"{what}: {shown(raw)} is not usable; give a whole number from 1 to {MAX_COUNT:,}")
    return number


def read_duration(raw: Any, what: str) -> float:
    """Seconds. A number without a unit counts seconds, also as text."""
    plain = float(raw) if isinstance(raw, str) and _NUMBER.fullmatch(raw.strip()) else raw
    return parse_duration(plain, what) / 1000


def read_seconds(raw: Any, what: str) -> float:
    """Seconds, above zero."""
    seconds = read_duration(raw, what)
    if seconds == 0:
        raise ConfigError(f"{what}: it must be above zero")
    return seconds


def read_size(raw: Any, what: str) -> int:
    """Bytes: a number, or a text with a unit such as ``512MiB``."""
    found = _SIZE.fullmatch(raw.strip() if isinstance(raw, str) else shown(raw))
    size = int(found[1]) * _BYTES[found[2] or ""] if found else 0
    if size < 1:
        raise ConfigError(
            f"{what}: {shown(raw)} is not a size; give bytes above zero, or a text such as '512MiB' or '1GB'"
        )
    return size


def read_queues(raw: Any, what: str) -> tuple[str, ...]:
    """A list, or a text with commas. The order counts."""
    names = _split(raw) if isinstance(raw, str) else raw
    if not isinstance(names, list | tuple) or not names:
        raise ConfigError(f"{what}: {shown(raw)} is not usable; give queue names, as in a,b")
    queues = tuple(check_name(name, what) for name in names)
    if len(set(queues)) < len(queues):
        raise ConfigError(f"{what}: a queue is named twice: {', '.join(queues)}")
    return queues


def read_hosts(raw: Any, what: str) -> tuple[str, ...]:
    """Networks and host names: a list, or a text with commas."""
    entries = _split(raw) if isinstance(raw, str) else raw
    if not isinstance(entries, list | tuple) or any(not isinstance(entry, str) for entry in entries):
        raise ConfigError(
            f"{what}: {shown(raw)} is not usable; give networks and host names, as in 10.0.0.0/8,localhost"
        )
    for entry in entries:
        try:
            ip_network(entry, strict=False)
        except ValueError:
            if not _HOST.fullmatch(entry) or _NUMBERS.fullmatch(entry):
                raise ConfigError(f"{what}: {shown(entry)} is neither a network nor a host name") from None
    return tuple(entries)


def read_host(raw: Any, what: str) -> str:
    """An address or a name of this machine to listen at."""
    host = raw.strip().strip("[]") if isinstance(raw, str) else ""
    try:
        ip_address(host)
    except ValueError:
        if not _HOST.fullmatch(host) or _NUMBERS.fullmatch(host):
            raise ConfigError(f"{what}: {shown(raw)} is neither an address nor a host name") from None
    return host


def read_port(raw: Any, what: str) -> int:
    number = int(raw) if isinstance(raw, str) and _COUNT.fullmatch(raw.strip()) else raw
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 65_535:
        raise ConfigError(f"{what}: {shown(raw)} is no port; give a number from 0 to 65535")
    return number


def read_weights(raw: Any, what: str) -> dict[str, int]:
    """A table, or a text such as ``a=3,b=1``."""
    pairs: Any = raw
    if isinstance(raw, str):
        pairs = {name: share for name, _, share in (part.partition("=") for part in _split(raw))}
    if not isinstance(pairs, Mapping) or not pairs:
        raise ConfigError(f"{what}: {shown(raw)} is not usable; give a share for each queue, as in a=3,b=1")
    return {
        check_name(name, what): read_count(share, f"{what}: the share of {name!r}") for name, share in pairs.items()
    }


def read_name(raw: Any, what: str) -> str:
    return check_name(raw, what)


def read_choice(choices: tuple[str, ...]) -> Callable[[Any, str], str]:
    def read(raw: Any, what: str) -> str:
        choice = raw.lower() if isinstance(raw, str) else raw
        if choice not in choices:
            raise ConfigError(f"{what}: {shown(raw)} is not one of {', '.join(choices)}")
        return str(choice)

    return read


def read_flag(raw: Any, what: str) -> bool:
    found = _FLAGS.get(raw.strip().lower()) if isinstance(raw, str) else raw
    if not isinstance(found, bool):
        raise ConfigError(f"{what}: {shown(raw)} is neither true nor false")
    return found


def read_text(raw: Any, what: str) -> str:
    if not isinstance(raw, str) or not raw.isprintable():
        raise ConfigError(f"{what}: {shown(raw)} is not text on one line")
    return raw.strip()


def show(value: Any) -> str:
    match value:
        case None | "":
            return "-"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(value)
        case dict():
            return ",".join(f"{name}={share}" for name, share in value.items())
        case _:
            return str(value)


def hide_passwords(text: str) -> str:
    """The text with the credentials of every URL in it replaced; a file's path may hold an ``@``."""
    return _SECRET_QUERY.sub(rf"\g<1>{HIDDEN}", _USER_INFO.sub(lambda found: f"{found[1] or ''}{HIDDEN}@", text))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
