"""An app on each store; and one runner for all tests of a module, since starting its processes takes seconds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from abaca import App
from abaca_sandbox import SandboxUnavailable
from abaca_strategies.data import pack, synthetic
from abaca_strategies.packed import Packed
from abaca_strategies.running.runner import Runner
from abaca_strategies.running.runtime import prepare_runtime
from abaca_strategies.strategies import Strategies
from tests.command import Run, running
from tests.strategies_service.authors import CROSS

STORES = ("memory", "sqlite", pytest.param("redis", marks=pytest.mark.redis))
MEMORY = 512 << 20


@pytest.fixture(scope="session")
def prepared() -> None:
    """The Python inside. ``make models`` builds it; here it would take a minute."""
    try:
        prepare_runtime()
    except SandboxUnavailable as error:
        pytest.skip(f"strategies cannot be run here: {error}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner(prepared: None) -> AsyncIterator[Runner]:
    runner = Runner(slots=2, memory=MEMORY)
    yield runner
    await runner.close()


@pytest.fixture(scope="session")
def market() -> Packed:
    data = synthetic(tickers=3, bars=400)
    return Packed(data.digest, pack(data))


@pytest.fixture(params=STORES)
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[App]:
    """An app on each store, with the strategies aboard and a folder of its own for data."""
    url = "memory://"
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/jobs.db"
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
    request.getfixturevalue("monkeypatch").setenv("ABACA_STRATEGIES_FOLDER", str(tmp_path / "strategies"))
    async with App(url, plugins=["strategies"]) as app:
        yield app


@pytest.fixture
def service(app: App) -> Strategies:
    return Strategies.of(app)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command line runs: a folder with a strategy in a file, and a store that is not there yet."""
    (tmp_path / "cross.py").write_text(CROSS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABACA_URL", f"sqlite:///{tmp_path}/jobs.db")
    monkeypatch.setenv("ABACA_STRATEGIES_MEMORY", str(MEMORY))
    return tmp_path


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return running(capsys)
