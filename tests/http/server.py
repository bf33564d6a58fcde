"""The service of an app on a real port of loopback, in this process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from abaca.app import App
from abaca.http import HttpSettings, asgi


@asynccontextmanager
async def listening(app: App, settings: HttpSettings | None = None) -> AsyncIterator[str]:
    """The address of the service, as ``http://127.0.0.1:port``."""
    service = asgi(app, settings)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(service, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await service.service.close()  # ends the streams, so that the server can
        await serving
        await service.service.close()  # what the last requests have opened
        await app.close()
