"""Servers on this machine that nobody inside may reach."""

from __future__ import annotations

import socket
import threading
import uuid
from pathlib import Path


class Bait:
    """Servers on this machine that nobody inside may reach, and a count of who did."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bait.sock"
        self.abstract = f"abaca-bait-{uuid.uuid4().hex}"
        self.visits = 0
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._tcp.getsockname()[1]
        self._unix = socket.socket(socket.AF_UNIX)
        self._unix.bind(str(self.path))
        self.path.chmod(0o777)
        self._abstract = socket.socket(socket.AF_UNIX)
        self._abstract.bind("\0" + self.abstract)
        self._threads = [threading.Thread(target=self._count, args=(server,), daemon=True) for server in self._all()]
        for server in (self._unix, self._abstract):
            server.listen()
        for thread in self._threads:
            thread.start()

    def _all(self) -> tuple[socket.socket, ...]:
        return self._tcp, self._unix, self._abstract

    def _count(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            self.visits += 1
            client.close()

    def close(self) -> None:
        for server in self._all():
            server.shutdown(socket.SHUT_RDWR)
            server.close()
        for thread in self._threads:
            thread.join(10)
