"""A program that owns a sandbox, for tests: as the user given by number it runs what it reads, line by line.

It imports the standard library and abaca_sandbox alone, so that any Python that the user may read can run it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from abaca_sandbox import (
    BadProgram,
    Limits,
    Mount,
    Preloaded,
    Program,
    Sandbox,
    SandboxUnavailable,
    places,
    setup_runtime,
)

SECRET = b"canary: what the owner of the sandbox has open"


def become(uid: int) -> None:
    if os.geteuid() == 0 and uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def leave_something_open() -> None:
    """A careless owner: a secret in an inheritable descriptor and in the environment."""
    reading, writing = os.pipe()
    os.write(writing, SECRET)
    os.set_inheritable(reading, True)
    os.environ["CANARY"] = SECRET.decode()


def bytes_of(values: dict[str, str]) -> dict[str, bytes]:
    return {name: base64.b64decode(text) for name, text in values.items()}


def texts_of(values: Any) -> dict[str, str]:
    return {name: base64.b64encode(content).decode() for name, content in values.items()}


class Owner:
    """The sandbox, and a preloaded Python once somebody wants it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.preloaded: Preloaded | None = None

    async def of_kind(self, preloaded: bool) -> Sandbox | Preloaded:
        if not preloaded:
            return self.sandbox
        if self.preloaded is None:
            self.preloaded = Preloaded(setup_runtime(), ("ctypes", "decimal", "json"))
            await self.preloaded.open()
        return self.preloaded


async def run(owner: Owner, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        told = asked["program"]
        program = Program(
            argv=tuple(told["argv"]),
            files=bytes_of(told["files"]),
            stdin=base64.b64decode(told["stdin"]),
            env=told["env"],
            mounts=tuple(Mount(host, inside) for host, inside in told["mounts"]),
            root=told["root"],
            collect=tuple(told["collect"]),
        )
        sandbox = await owner.of_kind(asked["preloaded"])
        outcome = await sandbox.run(program, Limits(**asked["limits"]))
    except BadProgram as error:
        return {"bad": str(error)}
    answer = {name: value for name, value in asdict(outcome).items() if not isinstance(value, bytes)}
    return answer | {
        "touched": sorted(outcome.touched),
        "collected": texts_of(outcome.collected),
        **texts_of({"stdout": outcome.stdout, "stderr": outcome.stderr}),
    }


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def answer_one(owner: Owner, asked: dict[str, Any]) -> None:
    try:
        say({"id": asked["id"], **await run(owner, asked)})
    except asyncio.CancelledError:
        say({"id": asked["id"], "cancelled": True})
    except SandboxUnavailable as error:
        say({"id": asked["id"], "bad": f"unavailable: {error}"})


async def main() -> None:
    places.SHARED = Path(os.environ["XDG_CACHE_HOME"])
    become(int(sys.argv[1]))
    leave_something_open()
    reader = asyncio.StreamReader(limit=1 << 26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        async with Sandbox(slots=3) as sandbox:
            owner = Owner(sandbox)
            say({"ready": True, "uid": os.getuid()})
            async with asyncio.TaskGroup() as tasks:
                running: dict[int, asyncio.Task[None]] = {}
                while line := await reader.readline():
                    asked = json.loads(line)
                    if "cancel" in asked:
                        running[asked["cancel"]].cancel()
                    else:
                        running[asked["id"]] = tasks.create_task(answer_one(owner, asked))
            if owner.preloaded is not None:
                await owner.preloaded.close()
    except SandboxUnavailable as error:
        say({"unavailable": str(error)})


if __name__ == "__main__":
    asyncio.run(main())
