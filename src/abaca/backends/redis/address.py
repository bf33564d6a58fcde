"""Where the server is and how to reach it, read from a store URL."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from abaca.backends.redis.keys import DEFAULT_PREFIX, PREFIX
from abaca.errors import ConfigError

_VERIFY = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
_TLS = {"ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
_OPTIONS = {"prefix", "timeout", "db"} | _TLS


@dataclass(frozen=True, slots=True)
class Address:
    """``timeout`` is how many seconds a call may take, beside the time for which a claim is held."""

    host: str = "localhost"
    port: int = 6379
    db: int = 0
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    prefix: str = DEFAULT_PREFIX
    timeout: float = 5.0

    def __str__(self) -> str:
        """For messages: without the password."""
        return f"Redis at {self.host}:{self.port}/{self.db}"


def parse_address(url: str) -> Address:
    """Raises ``ConfigError`` that names what in the URL cannot be used; never with the password."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - _OPTIONS):
        known = ", ".join(sorted(_OPTIONS))
        raise ConfigError(f"store URL: option {unknown[0]!r} is unknown for Redis; known are {known}")
    if parts.scheme != "rediss" and (tls := sorted(options.keys() & _TLS)):
        raise ConfigError(f"store URL: option {tls[0]!r} is for rediss://; the URL says {parts.scheme}://")
    try:
        port = parts.port or 6379
    except ValueError as error:
        raise ConfigError(f"store URL: the port cannot be used: {error}") from None
    return Address(
        host=parts.hostname or "localhost",
        port=port,
        db=_number("db", options.get("db") or parts.path.strip("/") or "0"),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=_tls(options) if parts.scheme == "rediss" else None,
        prefix=_prefix(options.get("prefix", DEFAULT_PREFIX)),
        timeout=_seconds("timeout", options.get("timeout", "5")),
    )


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"store URL: {name} {text!r} is not a number; use redis://host:port/0")
    return int(text)


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 3600:
        raise ConfigError(f"store URL: {name}={text!r} is not a number of seconds above 0")
    return value


def _prefix(text: str) -> str:
    if not PREFIX.fullmatch(text):
        raise ConfigError(f"store URL: prefix {text!r} may hold letters, digits and _ . : - only, at most 64")
    return text


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    verify = options.get("ssl_cert_reqs", "required")
    if verify not in _VERIFY:
        raise ConfigError(f"store URL: ssl_cert_reqs={verify!r} is unknown; use none, optional or required")
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    except OSError as error:
        raise ConfigError(f"store URL: a certificate or key file cannot be used: {error}") from error
    context.check_hostname = verify == "required"
    context.verify_mode = _VERIFY[verify]
    return context
