"""What is asked of a server before it is trusted with jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from abaca.backends.redis.address import Address
from abaca.backends.redis.server import Server
from abaca.errors import BackendError, BackendUnavailable, ConfigError

_OLDEST = 7


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server promises, in one line, and what its settings take from the guarantees, a line each."""

    durability: str
    weaknesses: tuple[str, ...] = ()


async def check_server(server: Server, address: Address) -> Standing:
    """How the server stands. Raises ``ConfigError`` if it is too old or could drop jobs.

    Policies ``allkeys-*`` are refused: they drop any key. ``volatile-*`` drop only keys with a time to live, and no
    job's key has one; small records that expire may then go earlier.
    """
    info = await _ask(server, "INFO", "server")
    if info is not None:
        _check_version(info, address)
    memory = await _ask(server, "INFO", "memory")
    policy = await _setting(server, "maxmemory-policy") or _field(memory or "", "maxmemory_policy")
    if policy is not None and policy.startswith("allkeys-"):
        raise ConfigError(
            f"{address} has maxmemory-policy {policy}: it would silently drop jobs when memory is short; "
            "run `CONFIG SET maxmemory-policy noeviction` (and put it into redis.conf), then start again"
        )
    disk = await _disk(server)
    found = [*disk.weaknesses, *_memory(policy, _field(memory or "", "maxmemory"))]
    found += await _replication(server)
    return Standing(f"redis{_version(info)}: {disk.durability}", tuple(found))


def _version(info: str | None) -> str:
    version = _field(info or "", "valkey_version") or _field(info or "", "redis_version")
    return "" if version is None else f" {version}"


def _check_version(info: str, address: Address) -> None:
    if _field(info, "valkey_version") is not None:
        return
    version = _field(info, "redis_version") or "0"
    if int(version.split(".", 1)[0]) < _OLDEST:
        raise ConfigError(f"{address} is Redis {version}; Redis 7 or later, or Valkey, is needed")


async def _disk(server: Server) -> Standing:
    """What is left after a crash of the server, and after loss of power."""
    appendonly = await _setting(server, "appendonly")
    if appendonly is None:
        return Standing(
            "unknown, because this user may not read the server's configuration",
            (
                "the server's configuration cannot be read: whether G1 and G2 hold is unknown; "
                "allow this user `CONFIG|GET` and `INFO`",
            ),
        )
    if appendonly != "yes":
        return _SNAPSHOTS if await _setting(server, "save") else _NOTHING
    fsync = await _setting(server, "appendfsync")
    if fsync == "everysec":
        return _EVERYSEC
    if fsync != "always":
        return _NO_FSYNC
    if await _setting(server, "no-appendfsync-on-rewrite") == "yes":
        return _NOT_ON_REWRITE
    return Standing("survives loss of power (AOF, fsync at every write)")


_NOTHING = Standing(
    "nothing survives the end of the server (no AOF, no snapshots); turn on appendonly to keep jobs",
    (
        "appendonly no, and no snapshots: G1, G2 and G7 end with the server, which takes all jobs and results with it; "
        "set appendonly yes and appendfsync always",
    ),
)
_SNAPSHOTS = Standing(
    "a crash loses what came after the last snapshot (RDB); turn on appendonly to keep it",
    (
        "appendonly no, snapshots only: weakens G1 and G2, a crash loses the jobs and ends since the last snapshot, "
        "and jobs that ended since then run again; set appendonly yes and appendfsync always",
    ),
)
_EVERYSEC = Standing(
    "survives a crash of the server; loss of power may lose about one second (AOF everysec)",
    (
        "appendfsync everysec: weakens G1 and G2, loss of power may take about the last second of accepted jobs and of "
        "ends, whose jobs run again; set appendfsync always",
    ),
)
_NO_FSYNC = Standing(
    "survives a crash of the server; loss of power may lose what the system held (AOF)",
    (
        "appendfsync no: weakens G1 and G2, loss of power may take half a minute of accepted jobs and of ends; "
        "set appendfsync always",
    ),
)
_NOT_ON_REWRITE = Standing(
    "survives a crash of the server; loss of power may lose what was written during a rewrite of the AOF",
    ("no-appendfsync-on-rewrite yes: weakens G1 and G2, nothing is synced while the AOF is rewritten; set it to no",),
)


def _memory(policy: str | None, limit: str | None) -> list[str]:
    found = []
    if policy is not None and policy.startswith("volatile-"):
        found.append(
            f"maxmemory-policy {policy}: small records with an end (app.records) may go before it when memory is "
            "short, which weakens G9 where a schedule rests on one; no job has a time to live; set noeviction"
        )
    if limit == "0":
        found.append(
            "maxmemory 0, no limit: weakens G1, a full machine may kill the server where a limit would refuse new "
            "jobs and let the rest go on; set maxmemory below what the machine has"
        )
    return found


async def _replication(server: Server) -> list[str]:
    info = await _ask(server, "INFO", "replication") or ""
    if int(_field(info, "connected_slaves") or 0) == 0:
        return []
    least = await _setting(server, "min-replicas-to-write")
    if least is not None and int(least) > 0:
        return [
            f"replicas with min-replicas-to-write {least}: weakens G1 and G2, a failover may still take the writes of "
            "the last min-replicas-max-lag seconds, because the copy is made after the answer (no WAIT); "
            "promote by hand where a job must not be lost"
        ]
    return [
        "replicas without min-replicas-to-write: weakens G1 and G2, a failover may take every write that the old "
        "primary accepted while it was cut off; set min-replicas-to-write 1 and min-replicas-max-lag 1"
    ]


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
