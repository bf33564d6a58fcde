"""One runner for all tests of a module: starting its processes takes seconds."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from abaca_sandbox import SandboxUnavailable
from abaca_strategies.data import pack, synthetic
from abaca_strategies.packed import Packed
from abaca_strategies.running.runner import Runner
from abaca_strategies.running.runtime import prepare_runtime

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
