"""Every setting of a store that takes something from a guarantee is told, with the guarantee and the remedy."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from abaca.backend import Backend
from abaca.backends import open_backend
from abaca.backends.sqlite import filesystem
from tests.conftest import MakeRedis
from tests.integration.crew import eventually
from tests.servers import Option

SOUND: dict[str, Option] = {"appendonly": True, "appendfsync": "always", "maxmemory": "1gb"}


async def opened(url: str) -> Backend:
    store = open_backend(url)
    await store.open()
    return store


async def weaknesses(url: str) -> tuple[str, ...]:
    store = await opened(url)
    try:
        return store.weaknesses
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("changed", "setting", "guarantees"),
    [
        ({"appendonly": False}, "appendonly no, and no snapshots", {"G1", "G2", "G7"}),
        ({"appendonly": False, "save": "60 1"}, "appendonly no, snapshots only", {"G1", "G2"}),
        ({"appendfsync": "everysec"}, "appendfsync everysec", {"G1", "G2"}),
        ({"appendfsync": "no"}, "appendfsync no", {"G1", "G2"}),
        ({"no_appendfsync_on_rewrite": True}, "no-appendfsync-on-rewrite yes", {"G1", "G2"}),
        ({"maxmemory_policy": "volatile-lru"}, "maxmemory-policy volatile-lru", {"G9"}),
        ({"maxmemory": "0"}, "maxmemory 0", {"G1"}),
    ],
)
async def test_each_weak_setting_of_redis_is_told_with_guarantee_and_remedy(
    make_redis: MakeRedis, changed: dict[str, Option], setting: str, guarantees: set[str]
) -> None:
    # Given a server with one weak setting
    server = make_redis(**{**SOUND, **changed})
    # When a store is opened on it
    (line,) = await weaknesses(server.url)
    # Then that setting is told, with the guarantees that it weakens and what to set instead
    assert line.startswith(setting)
    assert set(re.findall(r"\bG\d+\b", line)) == guarantees
    assert "set " in line


async def test_a_sound_redis_has_no_weakness(make_redis: MakeRedis) -> None:
    assert await weaknesses(make_redis(**SOUND).url) == ()


@pytest.mark.parametrize(("least", "word"), [(0, "without min-replicas-to-write"), (1, "min-replicas-to-write 1")])
async def test_replicas_that_may_lose_a_failover_are_told(make_redis: MakeRedis, least: int, word: str) -> None:
    # Given a sound primary with a replica
    primary, replica = make_redis(**SOUND, min_replicas_to_write=least, repl_diskless_sync_delay=0), make_redis()
    replica.command("REPLICAOF", "127.0.0.1", primary.port)

    async def attached() -> bool | None:
        info = await asyncio.to_thread(primary.command, "INFO", "replication")
        return True if info["connected_slaves"] and info.get("min_slaves_good_slaves", 1) else None

    await eventually(attached)
    # When a store is opened on the primary, then the setting is told
    (line,) = await weaknesses(primary.url)
    assert word in line
    assert {"G1", "G2"} <= set(re.findall(r"\bG\d+\b", line))


async def test_a_server_that_hides_its_settings_is_told_as_unknown(make_redis: MakeRedis) -> None:
    # Given a user who may not read the configuration
    server = make_redis(**SOUND)
    server.command("ACL", "SETUSER", "worker", "on", ">pw", "~abaca:*", "&abaca:*", "+@all", "-@dangerous", "-@admin")
    # When a store is opened with it, then it says that nobody can tell
    (line, *_) = await weaknesses(server.url.replace("redis://", "redis://worker:pw@"))
    assert "unknown" in line
    assert "CONFIG|GET" in line


@pytest.mark.parametrize(("option", "guarantees"), [("normal", {"G1", "G2"}), ("off", {"G1", "G2", "G7"})])
async def test_each_weak_setting_of_sqlite_is_told(sqlite_url: str, option: str, guarantees: set[str]) -> None:
    # Given a store whose commits are not synced, when it is opened, then that is told with the remedy
    (line, *_) = await weaknesses(f"{sqlite_url}?synchronous={option}")
    assert line.startswith(f"synchronous={option}")
    assert set(re.findall(r"\bG\d+\b", line)) == guarantees


@pytest.mark.parametrize(("kind", "word"), [("ext4", None), ("tmpfs", "in memory"), (None, "cannot be told")])
async def test_what_the_filesystem_weakens_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str | None, word: str | None
) -> None:
    # Given a folder on a filesystem of some kind
    monkeypatch.setattr(filesystem, "filesystem", lambda _: kind)
    monkeypatch.setattr(filesystem, "filesystem_number", lambda _: 0)
    # When its weaknesses are asked for, then a disk has none, and memory and the unknown are told
    lines = filesystem.filesystem_weaknesses(tmp_path)
    assert len(lines) == (word is not None)
    assert word is None or word in lines[0]


async def test_memory_says_that_nothing_stays() -> None:
    (line,) = await weaknesses("memory://")
    assert "G1" in line
