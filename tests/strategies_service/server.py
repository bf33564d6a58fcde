"""A server that speaks OpenAI's chat completions and says what a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], bytes]


def said(text: str, **choice: Any) -> Reply:
    """A chat completion with this text."""
    message = {"role": "assistant", "content": text, **choice.pop("message", {})}
    body = {"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": message, **choice}]}
    return 200, {}, json.dumps(body).encode()


def refused(status: int, text: str = "busy", **headers: str) -> Reply:
    return status, headers, text.encode()


class Chat:
    """Answers each request with the next of its replies; ``asked`` has what came."""

    def __init__(self, url: str, replies: list[Reply]) -> None:
        self.url = url
        self.replies = replies
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []

    def words(self, number: int) -> str:
        """What the user's message of a request says."""
        text: str = self.asked[number]["messages"][-1]["content"]
        return text


@contextmanager
def chatting(*replies: Reply) -> Iterator[Chat]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            chat.paths.append(self.path)
            chat.keys.append(self.headers["Authorization"])
            chat.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, headers, body = chat.replies.pop(0)
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name.replace("_", "-"), text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    chat = Chat(f"http://127.0.0.1:{server.server_address[1]}/v1", list(replies))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
