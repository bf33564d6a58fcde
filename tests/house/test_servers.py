"""The servers that other tests stand on behave as those tests believe."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.conftest import MakeRedis
from tests.servers import RedisServer, ServerError, require_redis

ROOT = Path(__file__).parents[2]


def test_each_test_gets_an_empty_server(redis_server: RedisServer) -> None:
    # Given a key, a script and a connection of an earlier test
    redis_server.command("SET", "left", "over")
    with redis.Redis(port=redis_server.port) as client:
        client.ping()
        # When the next test gets the server
        redis_server.wipe()
        # Then nothing of them is there
        assert redis_server.command("DBSIZE") == 0
        names = [row for row in redis_server.command("CLIENT", "LIST").splitlines() if row]
        assert len(names) == 1


def test_a_stopped_server_comes_back_on_its_port_with_its_log(make_redis: MakeRedis) -> None:
    # Given a server that writes every command to its log
    server = make_redis(appendonly=True, appendfsync="always")
    server.command("SET", "kept", "yes")
    port, pid = server.port, server.pid
    # When it is killed and started again
    server.kill()
    server.start()
    # Then another process holds the same data on the same port
    assert (server.port, server.command("GET", "kept")) == (port, "yes")
    assert server.pid != pid


def test_options_reach_the_server(make_redis: MakeRedis) -> None:
    server = make_redis(maxmemory="50mb", maxmemory_policy="allkeys-lru")
    assert server.command("CONFIG", "GET", "maxmemory-policy")["maxmemory-policy"] == "allkeys-lru"


def test_a_server_that_cannot_start_says_what_it_wrote(make_redis: MakeRedis) -> None:
    with pytest.raises(ServerError, match="no-such-option"):
        make_redis(no_such_option="1")


def test_a_stop_leaves_no_process(make_redis: MakeRedis) -> None:
    server = make_redis()
    pid = server.pid
    server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_frozen_server_can_be_stopped(make_redis: MakeRedis) -> None:
    server = make_redis()
    server.freeze()
    server.stop()
    with pytest.raises(redis.ConnectionError):
        server.command("PING")


@pytest.mark.parametrize(("ci", "wanted"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_server_skips_here_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, wanted: type[BaseException]
) -> None:
    # Given a machine without redis-server
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ABACA_TEST_REDIS_SERVER", raising=False)
    monkeypatch.setenv("CI", ci)
    # When a test asks for one, then the word names what is missing
    with pytest.raises(wanted, match="redis-server is not on PATH"):
        require_redis()


@pytest.mark.redis
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux) to tie a process to another")
def test_a_server_ends_with_the_tests_that_started_it(tmp_path: Path) -> None:
    # Given another process that started a server
    require_redis()
    code = (
        "import sys, pathlib; from tests.servers import RedisServer, require_redis\n"
        "server = RedisServer(require_redis(), pathlib.Path(sys.argv[1])); server.start()\n"
        "print(server.pid, flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    with child:
        assert child.stdout is not None
        server = os.pidfd_open(int(child.stdout.readline()))
        # When that process is killed outright
        child.kill()
    # Then the server's end is signalled
    try:
        assert select.select([server], [], [], 20)[0]
    finally:
        os.close(server)
