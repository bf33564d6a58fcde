"""taskiq with its stream broker (acknowledged once the result is stored), orjson for messages and results."""

# mypy: ignore-errors
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import os
import sys
import time

import uvloop
from taskiq.serializers import ORJSONSerializer
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.contenders import protocol
from benchmarks.contenders.protocol import Options

CONCURRENCY = 100
URL = os.environ.get("TASKIQ_URL", "redis://127.0.0.1:1/0")

broker = (
    RedisStreamBroker(URL, queue_name="bench", xread_count=5 * CONCURRENCY)
    .with_result_backend(RedisAsyncResultBackend(URL, result_ex_time=3600, serializer=ORJSONSerializer()))
    .with_serializer(ORJSONSerializer())
)


@broker.task("noop")
async def noop() -> int:
    return 1


@broker.task("payload")
async def payload(data: str) -> int:
    return 1


@broker.task("block")
def block() -> int:
    time.sleep(protocol.BLOCK_SECONDS)
    return 1


async def client(options: Options) -> None:
    await broker.startup()
    task = {"noop": noop, "payload": payload, "block": block}[options.task]
    interval = 0.001 if options.inflight == 1 else 0.02

    async def wait() -> None:
        sent = await noop.kiq()
        await sent.wait_result(check_interval=interval)

    if options.verb == "enqueue":
        await protocol.repeat_async(options, lambda: task.kiq(*options.arguments))
    else:
        await protocol.repeat_async(options, wait)
    await broker.shutdown()


def work(options: Options) -> None:
    arguments = ["worker", "benchmarks.contenders.peer_taskiq:broker", "--workers", str(options.processes)]
    arguments += ["--max-async-tasks", str(options.threads if options.purpose == "threads" else CONCURRENCY)]
    arguments += ["--max-prefetch", str(CONCURRENCY), "--max-threadpool-threads", str(options.threads)]
    arguments += ["--log-level", "WARNING", "--ack-type", "when_saved"]
    os.execv(sys.executable, [sys.executable, "-m", "taskiq", *arguments])


def main() -> None:
    options = protocol.parse()
    if os.environ.get("TASKIQ_URL") != options.url:
        os.environ["TASKIQ_URL"] = options.url
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.contenders.peer_taskiq", *sys.argv[1:]])
    if options.verb == "worker":
        work(options)
    else:
        uvloop.run(client(options))


if __name__ == "__main__":
    main()
