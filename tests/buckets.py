"""A private server that speaks S3, on a free loopback port, in a process of its own, stopped by its id."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from itertools import count

import boto3

START_TIMEOUT = 60.0
STOP_TIMEOUT = 10.0
_PROGRAM = "import sys; from moto.server import main; main(sys.argv[1:])"
_TRIES = 5


class S3Server:
    """One process of moto's server. What is kept there is gone when it ends."""

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers. The first start picks the port; another process may take it in between."""
        for _ in range(_TRIES):
            port = self.port or _free_port()
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, "-H", "127.0.0.1", "-p", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            if self._answers(port):
                self.port = port
                return
            self.stop()
        raise RuntimeError("the S3 server did not start")

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(STOP_TIMEOUT)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def url(self, prefix: str = "results") -> str:
        """A place in a new bucket."""
        bucket = f"abaca-{next(self._numbers)}"
        client = boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1")
        client.create_bucket(Bucket=bucket)
        client.close()
        return f"s3://{bucket}/{prefix}?endpoint={self.endpoint}&region=us-east-1"

    def _answers(self, port: int) -> bool:
        assert self._process is not None
        ends = time.monotonic() + START_TIMEOUT
        while time.monotonic() < ends and self._process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_TIMEOUT)
            try:
                connection.request("GET", "/moto-api/data.json")
                return connection.getresponse().status == 200
            except OSError:
                time.sleep(0.1)  # sleeps: the server does not tell when it listens
            finally:
                connection.close()
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
