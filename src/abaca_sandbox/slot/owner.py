"""The way to the program that owns the sandbox. When that is gone, so is this process, and with it all it started."""

from __future__ import annotations

import os
import select
import socket

from abaca_sandbox.wire import PREFIX, Head, pack, sizes, unpack

CHUNK = 1 << 20
AT_ONCE = 1 << 14  # a socket that can be written to has room for several times as much


class Owner:
    """Frames from and to the owner.

    Its end shows in two ways: the connection closes, and its process descriptor becomes readable. The second holds also
    where a child that it forked keeps the connection open.
    """

    def __init__(self, control: socket.socket, process: int) -> None:
        self._control = control
        self._process = process
        self._poll = select.poll()
        for fd in self.fds:
            self._poll.register(fd, select.POLLIN)

    @property
    def fds(self) -> tuple[int, int]:
        """What to poll: either is readable when `receive` has something to do."""
        return self._control.fileno(), self._process

    def send(self, head: Head, blobs: list[bytes]) -> None:
        try:
            for part in pack(head, blobs):
                self._control.sendall(part)
        except OSError:
            os._exit(0)

    def send_if_free(self, head: Head, blobs: list[bytes]) -> bool:
        """Sends a small frame, of up to `AT_ONCE` bytes, where that makes nobody wait."""
        _, free, _ = select.select([], [self._control], [], 0)
        if free:
            self.send(head, blobs)
        return bool(free)

    def receive(self) -> tuple[Head, list[bytes]]:
        head, body = sizes(self._exactly(PREFIX.size))
        return unpack(self._exactly(head), self._exactly(body))

    def _exactly(self, size: int) -> bytes:
        got = bytearray()
        while len(got) < size:
            ready = {fd for fd, _ in self._poll.poll()}
            part = b"" if self._process in ready else self._control.recv(min(size - len(got), CHUNK))
            if not part:
                os._exit(0)  # this is process 1 of its namespace, so the kernel ends all the others
            got += part
        return bytes(got)
