"""A ground on each kind of store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import MakeRedis
from tests.documents_proof.ground import Ground, environment, ground_on


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ground]:
    """All of it in files."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    async with ground_on(f"sqlite:///{tmp_path}/jobs.db", tmp_path) as ground:
        yield ground


@pytest.fixture
async def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_redis: MakeRedis) -> AsyncIterator[Ground]:
    """Jobs and metadata in Redis, which writes each command to its log; chunks and vectors in a file."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    server = make_redis(appendonly=True, appendfsync="always")
    async with ground_on(server.url, tmp_path) as ground:
        yield ground
