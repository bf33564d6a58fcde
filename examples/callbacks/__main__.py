"""``python -m examples.callbacks``: a callback for each end, and a webhook to a receiver in this process."""

from __future__ import annotations

import asyncio
import os

from abaca import App, JobEnd, Retry, Webhook, verify_webhook

app = App()
SECRET = "only for this example"
told: asyncio.Queue[str] = asyncio.Queue()


@app.task
async def celebrate(end: JobEnd[int], name: str) -> None:
    await told.put(f"{name} is told: the result is {end.result}")


@app.task
async def alert(end: JobEnd[object]) -> None:
    await told.put(f"the alert is told: {end.task} {end.status} with {end.error}")


@app.task(on_failure=alert, retry=Retry(max_attempts=1))
async def divide(a: int, b: int) -> int:
    return a // b


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As much of an HTTP server as this needs."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lines = [line.partition(": ") for line in head.splitlines()[1:] if line]
    headers = {name: value for name, _, value in lines}
    body = await reader.readexactly(int(headers["Content-Length"]))
    verify_webhook(SECRET, headers, body)
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    writer.close()
    await told.put("the receiver is told, and the signature is genuine")


async def main() -> None:
    os.environ["EXAMPLE_SECRET"] = SECRET
    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hook = Webhook(f"http://127.0.0.1:{port}/", secret="env:EXAMPLE_SECRET")
    async with server, app, app.worker(webhook_allow=["127.0.0.1"]):
        await divide.opts(on_success=celebrate.callback("Ann")).enqueue(84, 2)
        print(await told.get())
        await divide.enqueue(1, 0)
        print(await told.get())
        await divide.opts(webhook=hook).enqueue(1, 1)
        print(await told.get())


if __name__ == "__main__":
    asyncio.run(main())
