"""``abaca serve`` as a process, and the service mounted into other programs."""

from __future__ import annotations

import os
import signal
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.handlers import asgi as mounted

from abaca.app import App
from abaca.backends.memory import MemoryBackend
from abaca.errors import ConfigError
from abaca.http import HttpSettings, asgi
from abaca.http.server import check_open, listener
from abaca.keys import create_key
from tests.http.served import Served

JOB = {"task": "t", "pool": "async"}


@pytest.mark.timeout(180)
def test_a_signal_lets_a_request_finish_and_ends_the_process_well(tmp_path: Path) -> None:
    # Given
    environ = {**os.environ, "ABACA_URL": f"sqlite:///{tmp_path}/serve.db"}
    with Served(tmp_path, environ, "--drain", "30s") as served:
        id = httpx.post(f"{served.url}/api/v1/jobs", json=JOB, timeout=30).json()["id"]
        asking = HTTPConnection("127.0.0.1", served.port, timeout=60)
        asking.request("GET", f"/api/v1/jobs/{id}?wait=2")
        assert served.get("/live")  # it came later, so the service has the other request in hand
        # When
        served.process.send_signal(signal.SIGTERM)
        answer = asking.getresponse().read()
        asking.close()
        status = served.process.wait(60)
    # Then
    assert status == 0
    assert b'"status":"queued"' in answer
    assert b"service stopped" in (tmp_path / "serve.log").read_bytes()


@pytest.mark.parametrize(
    ("host", "auth", "fine"),
    [
        ("127.0.0.1", None, True),
        ("::1", False, True),
        ("0.0.0.0", None, False),
        ("0.0.0.0", True, False),
    ],
)
async def test_other_machines_are_not_answered_before_there_is_a_key(host: str, auth: bool | None, fine: bool) -> None:
    async with App(backend=MemoryBackend()) as app:
        settings = HttpSettings(auth=auth)
        # When / Then
        if fine:
            await check_open(app, settings, host)
            return
        with pytest.raises(ConfigError, match="abaca keys create"):
            await check_open(app, settings, host)
        await create_key(app.client(), "ops")
        await check_open(app, settings, host)


async def test_keys_cannot_be_left_out_beyond_loopback() -> None:
    async with App(backend=MemoryBackend()) as app:
        await create_key(app.client(), "ops")
        with pytest.raises(ConfigError, match="loopback alone"):
            await check_open(app, HttpSettings(auth=False), "192.0.2.1")


def test_a_port_that_is_taken_is_named() -> None:
    with listener("127.0.0.1", 0) as first, pytest.raises(ConfigError, match="cannot be listened at"):
        listener("127.0.0.1", first.getsockname()[1])


def under_starlette(service: Any) -> Any:
    """Mounts as Starlette and FastAPI do: the path stays whole, ``root_path`` names what leads here, and the lifespan
    of what is mounted is not run."""

    async def program(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await service({**scope, "root_path": scope.get("root_path", "") + "/abaca"}, receive, send)

    return program


def under_litestar(service: Any) -> Any:
    @mounted("/abaca", is_mount=True, copy_scope=True)
    async def program(scope: Any, receive: Any, send: Any) -> None:
        await service({**scope, "root_path": "/abaca"}, receive, send)

    return Litestar([program], openapi_config=None, logging_config=None)


@pytest.mark.parametrize("mount", [under_starlette, under_litestar])
async def test_the_service_works_inside_another_program(mount: Any) -> None:
    async with App(backend=MemoryBackend()) as app:
        # Given
        program = mount(asgi(app))
        transport = httpx.ASGITransport(app=program)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            # When
            stored = await client.post("/abaca/api/v1/jobs", json=JOB)
            read = await client.get(stored.headers["location"])
            described = await client.get("/abaca/api/v1/openapi.json")
            # Then
            assert stored.headers["location"].startswith("/abaca/api/v1/jobs/")
            assert read.json()["status"] == "queued"
            assert described.json()["servers"] == [{"url": "/abaca"}]
            assert (await client.get("/abaca/ready")).status_code == 200
