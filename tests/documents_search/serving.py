"""A service that embeds, on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Service(BaseHTTPRequestHandler):
    """An embeddings service as OpenAI's: busy twice, then answering, in an order of its own."""

    busy = 2
    seen: list[dict[str, Any]] = []  # noqa: RUF012 (one service for each test)
    dimension = 3
    address = ""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).seen.append(body | {"path": self.path, "token": self.headers.get("Authorization")})
        if type(self).busy > 0:
            type(self).busy -= 1
            self.answer(429, {"error": "busy"})
        elif body["model"] == "wrong":
            self.answer(400, {"error": "no such model"})
        elif body["model"] == "moved":
            self.answer(302, {"error": "elsewhere"})
        else:
            rows = [
                {
                    "index": at,
                    "object": "embedding",
                    "embedding": [3.0 * len(text), 4.0 * len(text), 0.0][: self.dimension],
                }
                for at, text in enumerate(body["input"])
            ]
            self.answer(200, {"object": "list", "data": rows[::-1], "model": body["model"]})

    def answer(self, status: int, body: object) -> None:
        packed = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Retry-After", "0")
        if status == 302:
            self.send_header("Location", type(self).address + "/elsewhere")
        self.send_header("Content-Length", str(len(packed)))
        self.end_headers()
        self.wfile.write(packed)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[type[Service]]:
    class OneService(Service):
        seen: list[dict[str, Any]] = []  # noqa: RUF012

    server = ThreadingHTTPServer(("127.0.0.1", 0), OneService)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    OneService.address = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield OneService
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=30)
