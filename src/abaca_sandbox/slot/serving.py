"""The loop of a slot: takes one program after another from its sandbox, runs it, and answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from abaca_sandbox.slot import command, filter, starting
from abaca_sandbox.slot.furnishing import Own
from abaca_sandbox.slot.owner import Owner
from abaca_sandbox.slot.running import Facts, Watch
from abaca_sandbox.slot.verdict import judge
from abaca_sandbox.slot.work import NoRoom, Work
from abaca_sandbox.wire import Head

Start = Callable[[Head], starting.Child]


class Bubblewrap:
    """Starts programs in bubblewrap."""

    def __init__(self, bwrap: str, own: Own) -> None:
        self._bwrap = bwrap
        self._own = own
        self._host_root = command.host_root(own)
        self._filter = memory_file(filter.program())

    def start(self, head: Head) -> starting.Child:
        image = head["root"]
        root = command.image_root(self._own, image) if image else self._host_root
        args = command.arguments(self._own, root, head["mounts"], head["env"])
        return starting.start_bwrap(self._bwrap, args, head["argv"], self._filter)


class Slot:
    """Runs programs one at a time."""

    def __init__(self, owner: Owner, own: Own, start: Start) -> None:
        self._owner = owner
        self._own = own
        self._start = start

    def serve(self) -> None:
        while True:
            head, blobs = self._owner.receive()
            if head["do"] == "run":
                self._owner.send(*self._answer(head, blobs))

    def _answer(self, head: Head, blobs: list[bytes]) -> tuple[Head, list[bytes]]:
        try:
            return self._run(head, blobs)
        except (command.UnreadableMount, NoRoom) as error:
            return {"refused": str(error)}, []
        except OSError as error:
            return {"failed": f"{type(error).__name__}: {error}"}, []

    def _run(self, head: Head, blobs: list[bytes]) -> tuple[Head, list[bytes]]:
        limits = head["limits"]
        stdin, *contents = blobs
        work = Work(self._own.run, limits["work"], limits["inodes"])
        try:
            work.fill(dict(zip(head["files"], contents, strict=True)))
            child = self._start(head)
            try:
                facts = Watch(child, limits, stdin, work, head["live"]).until_over(self._owner)
            except BaseException:
                os._exit(1)  # what still runs ends with this process, and the sandbox starts a new one
            child.close()
            found, missing = work.collect(head["collect"], limits["collected"])
        finally:
            work.clear()
        return report(facts, limits, found, missing)


def report(
    facts: Facts, limits: dict[str, Any], found: dict[str, bytes], missing: dict[str, str]
) -> tuple[Head, list[bytes]]:
    verdict = judge(facts, limits)
    head = {
        "end": verdict.end,
        "exit_code": verdict.exit_code,
        "signal": verdict.signal,
        "touched": sorted(facts.touched - {"cancelled"}),
        "truncated": facts.truncated,
        "collected": list(found),
        "not_collected": missing,
        "usage": {
            "wall_ms": facts.wall * 1000,
            "cpu_ms": facts.cpu * 1000,
            "max_rss": facts.peak_memory,
            "processes": facts.peak_tasks,
            "work": facts.peak_work,
            "inodes": facts.peak_inodes,
        },
    }
    return head, [bytes(facts.streams["stdout"]), bytes(facts.streams["stderr"]), *found.values()]


def memory_file(content: bytes) -> int:
    handle = os.memfd_create("filter", os.MFD_CLOEXEC)
    os.write(handle, content)
    return handle
