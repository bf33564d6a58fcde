"""Store URLs for Redis; nothing is connected."""

from __future__ import annotations

import pytest

from abaca.backends.redis.address import parse_address
from abaca.errors import ConfigError


def test_defaults() -> None:
    address = parse_address("redis://")
    assert (address.host, address.port, address.db, address.prefix) == ("localhost", 6379, 0, "abaca")
    assert address.tls is None


def test_everything_given() -> None:
    address = parse_address("redis://me:p%40ss@[::1]:7000/3?prefix=shop&timeout=2.5")
    assert (address.host, address.port, address.db) == ("::1", 7000, 3)
    assert (address.username, address.password) == ("me", "p@ss")
    assert (address.prefix, address.timeout) == ("shop", 2.5)


def test_tls_checks_the_server_by_default() -> None:
    tls = parse_address("rediss://host").tls
    assert tls is not None
    assert tls.check_hostname


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("redis://h:99999", "port"),
        ("redis://h/abc", "db 'abc'"),
        ("redis://h?colour=red", "'colour'"),
        ("redis://h?timeout=soon", "timeout='soon'"),
        ("redis://h?timeout=0", "timeout='0'"),
        ("redis://h?prefix=a{b}", "prefix"),
        ("redis://h?ssl_ca_certs=x", "rediss://"),
        ("rediss://h?ssl_cert_reqs=maybe", "ssl_cert_reqs='maybe'"),
        ("rediss://h?ssl_ca_certs=/nowhere.pem", "certificate"),
    ],
)
def test_what_cannot_be_used_is_named(url: str, word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(url)
    assert word in str(caught.value)


def test_no_message_shows_the_password() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address("redis://me:secret@h?colour=red")
    assert "secret" not in str(caught.value)
    assert "secret" not in str(parse_address("redis://me:secret@h"))
