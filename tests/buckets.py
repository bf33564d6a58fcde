"""A private server that speaks S3, on a free loopback port, in a process of its own, stopped by its id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import count

import boto3

from tests.servers import free_port

STOP_TIMEOUT = 10.0
_PROGRAM = """
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

server = make_server("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""


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
        """Returns when it listens. The first start picks the port, which a later one takes again."""
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(self.port or free_port())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._process = process
        assert process.stdout is not None
        said = process.stdout.readline()
        process.stdout.close()
        if not said:
            self.stop()
            raise RuntimeError("the S3 server did not start")
        self.port = int(said)

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
