"""Where the process of a slot begins."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import Any

from abaca_sandbox.slot import enclosure, starting
from abaca_sandbox.slot.furnishing import Own, furnish
from abaca_sandbox.slot.owner import Owner
from abaca_sandbox.slot.preloading import Preloaded
from abaca_sandbox.slot.serving import Bubblewrap, Slot, Start
from abaca_sandbox.wire import pack


def main(told: str) -> None:
    """Enclose this process, say that it is ready or why not, and serve."""
    settings = json.loads(told)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the program that owns the sandbox
    control = socket.socket(fileno=settings["control"])
    control.set_inheritable(False)  # it was, to come here; no program may have it
    step = "giving up root"
    try:
        starting.keep_low_fds_free()
        owner = os.pidfd_open(os.getppid())
        if settings["uid"] is not None:
            enclosure.give_up_root(settings["uid"], settings["gid"])
        step = "making namespaces"
        enclosure.go_apart()
        step = "mounting"
        own = furnish()
        step = "loading modules"
        slot = Slot(Owner(control, owner), own, starter(settings, own))
    except Exception as error:
        tell(control, {"failed": f"{step}: {error}", "step": step})
        sys.exit(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # nobody reads it from here on
    tell(control, {"ready": True})
    slot.serve()


def starter(settings: dict[str, Any], own: Own) -> Start:
    if "preload" in settings:
        return Preloaded(own, settings["preload"], settings["show"], settings["path"]).start
    return Bubblewrap(settings["bwrap"], own).start


def tell(control: socket.socket, head: dict[str, object]) -> None:
    for part in pack(head):
        control.sendall(part)
