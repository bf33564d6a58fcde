"""Fixtures for every test: a private Redis, special ones made to order, and a fresh SQLite file."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest
from botocore.loaders import create_loader
from hypothesis import HealthCheck, settings

from tests.buckets import S3Server
from tests.servers import Option, RedisServer, require_redis
from tests.sound import exists, judged
from tests.watchdog import pytest_configure

__all__ = ["pytest_configure"]

settings.register_profile("busy", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


class MakeRedis(Protocol):
    """Starts a server with options of its own, `make_redis(appendonly=True)`; it is stopped after the test."""

    def __call__(self, **options: Option) -> RedisServer: ...


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if {"redis_session", "make_redis"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.redis)
    if hasattr(config, "workerinput"):
        # Long ones first: none is begun when the other processes have nothing left to take over.
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """What is loaded and collected by now stays to the end: no collection of garbage has to walk it again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """What is marked `no_cover` runs untraced: in a process of xdist, pytest-cov stops one of two tracers only."""
    if item.get_closest_marker("no_cover") is None:
        return (yield)
    here, in_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(here)
        threading.settrace(in_threads)


@pytest.fixture(autouse=True)
def sound(request: pytest.FixtureRequest) -> Iterator[None]:
    """Audits the stores of `redis_url` and `sqlite_url` after a test that is not marked as one that damages them."""
    used = [name for name in ("redis_url", "sqlite_url") if name in request.fixturenames]
    urls = [request.getfixturevalue(name) for name in used]
    yield
    if request.node.get_closest_marker("damages"):
        return
    for url in filter(exists, urls):
        assert judged(url) == ([], 0), f"the test left {url} in disagreement with its own records"


@pytest.fixture(scope="session")
def redis_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(require_redis(), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(redis_session: RedisServer) -> RedisServer:
    """The server that this process's tests share, emptied. A test that stops or sets one up asks for `make_redis`."""
    redis_session.wipe()
    return redis_session


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    return redis_server.url


@pytest.fixture
def make_redis(tmp_path: Path) -> Iterator[MakeRedis]:
    program = require_redis()
    servers: list[RedisServer] = []

    def make(**options: Option) -> RedisServer:
        server = RedisServer(program, tmp_path / f"redis-{len(servers)}", **options)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def s3_session() -> Iterator[S3Server]:
    server = S3Server()
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        # Every client has a session of its own, which would read and parse what S3 is from the same files again.
        patch.setattr("botocore.session.create_loader", cache(create_loader))
        yield server
    server.stop()


@pytest.fixture
def s3_server(s3_session: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The S3 server that this process's tests share, with credentials in the environment."""
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return s3_session


@pytest.fixture(params=["folder", "bucket"])
def place_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of place for large results in turn, empty."""
    if request.param == "folder":
        return (tmp_path / "results").as_uri()
    server: S3Server = request.getfixturevalue("s3_server")
    return server.url()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'abaca.db'}"
