"""A run's own part of a store: beside what is there, and gone at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from abaca import App
from abaca.backends import open_backend
from abaca.errors import ConfigError
from abaca.model import NewJob
from abaca.verify.space import make_space, with_option, with_port
from tests.servers import RedisServer


async def stored(url: str) -> str:
    """One job in a store; answers its id."""
    async with App(url) as app:
        handle = await app.enqueue_by_name("task", pool="async")
        return handle.id


async def test_on_sqlite_it_is_a_file_beside_the_users_with_the_same_settings(tmp_path: Path) -> None:
    # Given a store with a job
    url = f"sqlite:///{tmp_path}/user.db?synchronous=normal"
    await stored(url)
    before = (tmp_path / "user.db").read_bytes()
    # When a run's own part is used and cleaned
    space = make_space(url, "token")
    await space.open()
    backend = open_backend(space.url)
    await backend.open()
    durability = backend.durability
    await backend.insert([NewJob(id="0" * 32, task="task", lane="async")])
    await backend.close()
    used = sorted(path.name for path in tmp_path.iterdir())
    await space.clean()
    # Then it had the same settings, and the user's file is as it was
    assert "synchronous=normal" in durability
    assert any("verify-token" in name for name in used)
    assert not any("verify-token" in path.name for path in tmp_path.iterdir())
    assert (tmp_path / "user.db").read_bytes() == before


@pytest.mark.redis
async def test_on_redis_it_is_a_prefix_and_nothing_else_is_touched(redis_server: RedisServer) -> None:
    # Given somebody's keys, and a store with a job
    with redis.Redis(port=redis_server.port) as client:
        client.set("abaca-verify", "not ours")
        client.hset("abaca-verify-other:{00}:x", "field", "not ours")
        job = await stored(redis_server.url)
        before = {key: client.dump(key) for key in client.scan_iter()}
        libraries = client.function_list()
        # When a run's own part is used and cleaned
        space = make_space(redis_server.url, "token")
        await space.open()
        await stored(space.url)
        used = len(list(client.scan_iter(match="abaca-verify-token:*")))
        removed = await space.clean()
        # Then everything else is as it was
        assert used > 0
        assert removed >= used
        assert {key: client.dump(key) for key in client.scan_iter()} == before
        assert client.function_list() == libraries
    async with App(redis_server.url) as app:
        assert (await app.job(job).info()).id == job


@pytest.mark.redis
async def test_a_function_library_that_was_not_there_before_is_removed(redis_server: RedisServer) -> None:
    # Given a server that never heard of Abaca
    redis_server.command("FUNCTION", "FLUSH")
    space = make_space(redis_server.url, "token")
    await space.open()
    await stored(space.url)
    assert redis_server.command("FUNCTION", "LIST")
    # When
    await space.clean()
    # Then
    assert not redis_server.command("FUNCTION", "LIST")
    assert not redis_server.command("DBSIZE")


def test_a_store_that_processes_cannot_share_is_refused() -> None:
    with pytest.raises(ConfigError, match="memory://"):
        make_space("memory://", "token")


def test_options_and_ports_are_put_into_a_url() -> None:
    url = "redis://user:secret@host:7000/2?timeout=3"
    assert with_option(url, "prefix", "p:1") == "redis://user:secret@host:7000/2?timeout=3&prefix=p%3A1"
    assert with_port(url, "127.0.0.1", 99) == "redis://user:secret@127.0.0.1:99/2?timeout=3"
