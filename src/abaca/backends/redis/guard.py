"""What is asked of a server before it is trusted with jobs."""

from __future__ import annotations

from typing import Any

from abaca.backends.redis.address import Address
from abaca.backends.redis.server import Server
from abaca.errors import BackendError, BackendUnavailable, ConfigError

_OLDEST = 7


async def check_server(server: Server, address: Address) -> str:
    """How durable the server is, in one line. Raises ``ConfigError`` if it is too old or could drop jobs.

    Policies ``allkeys-*`` are refused: they drop any key. ``volatile-*`` drop only keys with a time to live, and no
    job's key has one; small records that expire may then go earlier.
    """
    info = await _ask(server, "INFO", "server")
    if info is not None:
        _check_version(info, address)
    policy = await _setting(server, "maxmemory-policy")
    if policy is None:
        memory = await _ask(server, "INFO", "memory")
        policy = _field(memory, "maxmemory_policy") if memory is not None else None
    if policy is not None and policy.startswith("allkeys-"):
        raise ConfigError(
            f"{address} has maxmemory-policy {policy}: it would silently drop jobs when memory is short; "
            "run `CONFIG SET maxmemory-policy noeviction` (and put it into redis.conf), then start again"
        )
    return await _durability(server)


def _check_version(info: str, address: Address) -> None:
    if _field(info, "valkey_version") is not None:
        return
    version = _field(info, "redis_version") or "0"
    if int(version.split(".", 1)[0]) < _OLDEST:
        raise ConfigError(f"{address} is Redis {version}; Redis 7 or later, or Valkey, is needed")


async def _durability(server: Server) -> str:
    appendonly = await _setting(server, "appendonly")
    if appendonly is None:
        return "redis: unknown, because this user may not read the server's configuration"
    if appendonly == "yes":
        fsync = await _setting(server, "appendfsync")
        return {
            "always": "redis: survives loss of power (AOF, fsync at every write)",
            "everysec": "redis: survives a crash of the server; loss of power may lose about one second (AOF everysec)",
        }.get(fsync or "", "redis: survives a crash of the server; loss of power may lose what the system held (AOF)")
    save = await _setting(server, "save")
    if save:
        return "redis: a crash loses what came after the last snapshot (RDB); turn on appendonly to keep it"
    return "redis: nothing survives the end of the server (no AOF, no snapshots); turn on appendonly to keep jobs"


async def _setting(server: Server, name: str) -> str | None:
    """A configuration value, or ``None`` if this user may not read it."""
    try:
        answer: Any = await server.command("CONFIG", "GET", name)
    except BackendUnavailable:
        raise
    except BackendError:
        return None
    pairs = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
    value = pairs.get(name.encode())
    return None if value is None else value.decode()


async def _ask(server: Server, *words: str) -> str | None:
    try:
        answer = await server.command(*words)
    except BackendUnavailable:
        raise
    except BackendError:
        return None
    return answer.decode() if isinstance(answer, bytes) else None


def _field(info: str, name: str) -> str | None:
    for line in info.splitlines():
        if line.startswith(f"{name}:"):
            return line[len(name) + 1 :].strip()
    return None
