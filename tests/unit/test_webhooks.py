"""``Webhook`` as it is declared, its signature, and which addresses are public."""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec
import pytest

from abaca import App, ConfigError, Retry, Webhook, WebhookRejected, verify_webhook
from abaca.config import load_settings
from abaca.model import When
from abaca.policy.builtin import WEBHOOK
from abaca.webhooks import sign
from abaca.worker.destinations import Destinations, Refused, is_public
from abaca.worker.webhook import retry_after

KEY, BODY, NOW = "key", b'{"a":1}', 1_700_000_000


def headers(key: str = KEY, at: int = NOW, body: bytes = BODY) -> dict[str, str]:
    return {"Abaca-Signature": sign(key.encode(), at, body), "ABACA-DELIVERY": "d1"}


def verify(given: dict[str, str], body: bytes = BODY, **options: Any) -> str:
    return verify_webhook(KEY, given, body, clock=lambda: NOW + 10, **options)


def test_a_genuine_request_tells_its_delivery() -> None:
    assert verify(headers()) == "d1"
    assert verify_webhook(b"key", headers(), BODY, clock=lambda: NOW) == "d1"


def test_the_signature_is_the_one_that_is_documented() -> None:
    # hmac-sha256("key", "1700000000." + body), made with openssl dgst -sha256 -hmac key
    assert sign(b"key", NOW, BODY) == (
        "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
    )


def test_one_of_several_signatures_is_enough() -> None:
    # Given a request that is signed with the old key and the new
    old, new = sign(b"old", NOW, BODY), sign(KEY.encode(), NOW, BODY)
    assert verify({"abaca-signature": f"{old},v1={new.partition('v1=')[2]}"}) == ""


@pytest.mark.parametrize(
    ("given", "body"),
    [
        (headers(key="other"), BODY),
        (headers(), b'{"a":2}'),
        (headers(at=NOW - 400), BODY),
        (headers(at=NOW + 400), BODY),
        ({"Abaca-Signature": headers()["Abaca-Signature"].replace(str(NOW), str(NOW + 1))}, BODY),
        ({}, BODY),
        ({"Abaca-Signature": "v1=00"}, BODY),
        ({"Abaca-Signature": f"t={NOW},v1=" + "0" * 64}, BODY),
        ({"Abaca-Signature": f"t=²,v1={'0' * 64}"}, BODY),
    ],
)
def test_anything_else_is_rejected(given: dict[str, str], body: bytes) -> None:
    with pytest.raises(WebhookRejected):
        verify(given, body)


def test_the_tolerance_can_be_set() -> None:
    assert verify(headers(at=NOW - 400), tolerance="10m") == "d1"


def test_an_empty_secret_is_no_secret() -> None:
    with pytest.raises(ConfigError, match="empty"):
        verify_webhook("", headers(key=""), BODY)


def test_a_webhook_becomes_a_callback_for_each_end() -> None:
    app = App("memory://")

    @app.task(
        queue="q",
        webhook=[Webhook("https://example.org/a", secret="env:KEY", timeout="5s", retry=Retry(max_attempts=2))],
    )
    async def work() -> None: ...

    job = work.opts(webhook=Webhook("https://example.org/b", on="failed", queue="hooks")).call().job
    assert [(c.when, c.job.task, c.into, c.job.queue) for c in job.callbacks] == [
        (When.COMPLETED, WEBHOOK, "end", ""),
        (When.FAILED, WEBHOOK, "end", ""),
        (When.FAILED, WEBHOOK, "end", "hooks"),
    ]
    first = job.callbacks[0].job
    assert msgspec.json.decode(first.args) == {"url": "https://example.org/a", "timeout": 5.0, "secret": "env:KEY"}
    assert first.retry is not None
    assert (first.retry.max_attempts, first.lane, first.timeout_ms) == (2, "async", 15_000)


@pytest.mark.parametrize(
    "options",
    [
        {"url": "example.org"},
        {"url": "file:///etc/passwd"},
        {"url": "https://"},
        {"url": "https://user:secret@example.org"},
        {"url": "https://example.org/a b"},
        {"url": "https://example.org/\r\nX: y"},
        {"url": "https://bücher.example"},
        {"url": "https://example.org:99999"},
        {"url": 3},
        {"secret": "s3cr3t"},
        {"secret": "env:"},
        {"secret": "env:NO SPACE"},
        {"on": "cancelled"},
        {"on": []},
        {"timeout": 0},
        {"timeout": "2m"},
        {"retry": 3},
        {"queue": "no such name!"},
    ],
)
def test_what_cannot_be_used_is_refused_at_declaration(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Webhook(**{"url": "https://example.org", **options})


def test_a_secret_that_was_given_by_mistake_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        Webhook("https://example.org", secret="s3cr3t-key")
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
async def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))

    async def names(host: str, port: int) -> list[str]:
        return [address]

    with pytest.raises(Refused, match="not public"):
        await Destinations((), names).addresses("host.test", 443)
    # Unless the settings say so
    assert await Destinations([address], names).addresses("host.test", 443) == [address]
    assert await Destinations(["HOST.test."], names).addresses("host.test", 443) == [address]


async def test_an_address_with_a_zone_is_refused() -> None:
    async def names(host: str, port: int) -> list[str]:
        return ["fe80::1%eth0"]

    with pytest.raises(Refused):
        await Destinations((), names).addresses("host.test", 443)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 1.0),
        ("99999999999999999999", 86_400.0),
        ("Tue, 14 Nov 2023 22:15:20 GMT", 120.0),
        ("Tue, 14 Nov 2000 22:15:20 GMT", 1.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("²", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after(text, 1_700_000_000) == seconds


@pytest.mark.parametrize(
    ("raw", "allowed"),
    [
        ("10.0.0.0/8, localhost", ("10.0.0.0/8", "localhost")),
        ("::1", ("::1",)),
        ("hooks.internal", ("hooks.internal",)),
    ],
)
def test_the_settings_say_what_is_allowed(raw: str, allowed: tuple[str, ...]) -> None:
    settings = load_settings(environ={"ABACA_WORKER_WEBHOOK_ALLOW": raw})
    assert settings.worker.webhook_allow == allowed


@pytest.mark.parametrize("raw", ["10.0.0.0/99", "999.1.1.1", "http://x", "a b", "-x"])
def test_an_entry_that_is_neither_is_refused(raw: str) -> None:
    with pytest.raises(ConfigError, match="ABACA_WORKER_WEBHOOK_ALLOW"):
        load_settings(environ={"ABACA_WORKER_WEBHOOK_ALLOW": raw})
