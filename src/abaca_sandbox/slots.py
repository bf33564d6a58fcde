"""One slot, seen from the program that owns the sandbox: a process of its own, and the connection to it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abaca_sandbox.finding import SlotUser, claim_user
from abaca_sandbox.wire import PREFIX, BrokenFrame, Head, pack, sizes, unpack

READY_WITHIN = 30.0  # seconds; it takes 50 ms on an idle machine
MAX_WORDS = 4096
FOLDER = Path(__file__).parent

# The package's own __init__ would bring asyncio into a process that has no use for it.
BOOT = """
import sys, types
package = types.ModuleType("abaca_sandbox")
package.__path__ = [sys.argv[1]]
sys.modules["abaca_sandbox"] = package
from abaca_sandbox.slot.main import main
main(sys.argv[2])
"""

Frame = tuple[Head, list[bytes]]
Tell = Callable[[bytes], None]


class SlotFailed(Exception):
    """The slot's process could not start, or ended, or does not answer."""

    def __init__(self, message: str, step: str = "") -> None:
        super().__init__(message)
        self.step = step


@dataclass(frozen=True, slots=True)
class Kind:
    """What a slot's process is told: which interpreter runs it, and its settings."""

    python: str
    settings: Mapping[str, Any]
    ready_within: float = READY_WITHIN


class Slot:
    """Starts its process when it is first needed, and anew after it ended."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._user: SlotUser | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def start(self) -> None:
        """Returns when the process is enclosed and ready. Raises `SlotFailed`."""
        if self._writer is not None:
            return
        ours, theirs = socket.socketpair()
        try:
            if os.geteuid() == 0 and self._user is None:
                self._user = claim_user()
            self._process = spawn(theirs.fileno(), self._kind, self._user.uid if self._user else None)
            self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        except OSError as error:
            ours.close()
            await self.stop()
            raise SlotFailed(f"a slot cannot be started: {error}", "start") from error
        finally:
            theirs.close()
        await self._greet()

    async def _greet(self) -> None:
        process = self._process
        assert process is not None
        assert process.stderr is not None
        try:
            head, _ = await asyncio.wait_for(self._receive(), self._kind.ready_within)
        except (TimeoutError, SlotFailed) as error:
            await self.stop()
            words = process.stderr.read(MAX_WORDS).decode(errors="replace").strip()  # it has ended: no wait
            raise SlotFailed(f"a slot's process did not become ready: {words or error}", "start") from error
        except BaseException:
            await self.stop()
            raise
        finally:
            process.stderr.close()
        if "failed" in head:
            await self.stop()
            raise SlotFailed(str(head["failed"]), str(head["step"]))

    async def ask(self, head: Head, blobs: list[bytes], within: float, tell: Tell | None = None) -> Frame:
        """Run one program. Cancelling ends it and returns when nothing of it is left. Raises `SlotFailed`."""
        await self.start()
        answer = asyncio.ensure_future(self._exchange(head, blobs, tell))
        try:
            return await asyncio.wait_for(asyncio.shield(answer), within)
        except asyncio.CancelledError:
            await self._call_off(answer)
            raise
        except TimeoutError:
            answer.cancel()
            await self.stop()
            raise SlotFailed(f"a slot's process did not answer within {within:g} s and was killed") from None
        except Exception:  # also of `tell`: the rest of the answer is still to come and would be taken for the next
            await self.stop()
            raise

    async def _call_off(self, answer: asyncio.Future[Frame]) -> None:
        try:
            self._write({"do": "cancel"}, [])
            await asyncio.wait_for(answer, READY_WITHIN)
        except (SlotFailed, TimeoutError, asyncio.CancelledError):
            await self.stop()

    async def _exchange(self, head: Head, blobs: list[bytes], tell: Tell | None) -> Frame:
        self._write(head, blobs)
        if self._writer is not None:
            try:
                await self._writer.drain()
            except OSError as error:
                raise SlotFailed(f"a slot's process is gone: {error}") from error
        told = 0
        while True:
            answer, parts = await self._receive()
            if "output" not in answer:
                break
            told += sum(map(len, parts))
            if tell is not None:
                tell(b"".join(parts))
        if tell is not None and parts and (rest := parts[0][told:]):
            tell(rest)
        return answer, parts

    def _write(self, head: Head, blobs: list[bytes]) -> None:
        if self._writer is None:
            raise SlotFailed("the slot's process is gone")
        for part in pack(head, blobs):
            self._writer.write(part)

    async def _receive(self) -> Frame:
        if self._reader is None:
            raise SlotFailed("the slot's process is gone")
        try:
            head, body = sizes(await self._reader.readexactly(PREFIX.size))
            return unpack(await self._reader.readexactly(head), await self._reader.readexactly(body))
        except (asyncio.IncompleteReadError, BrokenFrame, OSError) as error:
            raise SlotFailed(f"the slot's process ended: {error}") from error

    async def stop(self) -> None:
        """End the process and all it started. The next `start` makes a new one."""
        writer, process = self._writer, self._process
        self._reader = self._writer = self._process = None
        if writer is not None:
            writer.close()
        if process is not None:
            process.kill()
            await ended(process)

    async def close(self) -> None:
        await self.stop()
        if self._user is not None:
            self._user.release()
            self._user = None


def spawn(control: int, kind: Kind, uid: int | None) -> subprocess.Popen[bytes]:
    told = json.dumps({**kind.settings, "control": control, "uid": uid, "gid": uid})
    return subprocess.Popen(
        [kind.python, "-I", "-S", "-c", BOOT, str(FOLDER), told],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        pass_fds=(control,),
        start_new_session=True,
    )


async def ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process without a signal handler: other parts of this program have children of their own."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        process.poll()
        return
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.add_reader(descriptor, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        process.poll()
