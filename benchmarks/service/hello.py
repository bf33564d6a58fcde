"""``python -m benchmarks.service.hello PORT``: a bare route that answers a small struct, served as Abaca is."""

from __future__ import annotations

import sys

import msgspec
import uvicorn
from litestar import Litestar, get

from abaca.cli.loops import run_fast
from abaca.http.server import collect_less_often, listener, uvicorn_config


class Hello(msgspec.Struct, frozen=True):
    id: str
    task: str
    queue: str
    outcome: str


@get("/hello")
async def hello() -> Hello:
    return Hello("0199a0c5d7d67c3f8a4be1f2a3b4c500", "resize", "default", "inserted")


def main(port: int) -> None:
    program = Litestar([hello], openapi_config=None, logging_config=None, request_max_body_size=None)
    collect_less_often()
    server = uvicorn.Server(uvicorn_config(program, drain=1))
    run_fast(server.serve([listener("127.0.0.1", port)]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
