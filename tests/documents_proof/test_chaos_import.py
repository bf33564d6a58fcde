"""Workers are killed and the store restarts in the middle of a bulk import, at points that a seed chooses."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from abaca_documents.model import ItemOutcome
from tests.conftest import MakeRedis
from tests.documents_proof.agreement import disagreements, documents
from tests.documents_proof.corpus import build
from tests.documents_proof.ground import IS_WHOLE, NAME, Ground, environment, ground_on, items, progressed
from tests.documents_search.models import needs_static

FILES = 300 if IS_WHOLE else 100
ROUNDS = 5 if IS_WHOLE else 1
BLOWS = 3
"""In one import: its job may crash three times."""
SEED = int(os.environ.get("PROOF_SEED", "1"))
LONG = 200
pytestmark = [needs_static, pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(800)]
Blow = Callable[[], Awaitable[None]]


async def lasting(ground: Ground) -> set[str]:
    """What is wrong while others write. Over several stores no look is of one moment, so what is wrong is so twice."""
    found = set(await disagreements(ground.library, NAME, is_at_rest=False))
    return found and found & set(await disagreements(ground.library, NAME, is_at_rest=False))


async def beaten(ground: Ground, folder: Path, blows: Sequence[Blow] = ()) -> None:
    """Imports under blows end with each item once, nothing is seen half meanwhile, and all stores agree in the end."""
    source = random.Random(SEED)
    deduplicated, names = 0, 0
    worker = ground.worker()
    try:
        for round in range(ROUNDS):
            # Given a corpus and a worker that imports it
            corpus = build(folder / f"corpus-{round}", FILES, round)
            handle = await ground.imported(corpus.folder)
            # When the worker is killed, or the store restarts, in the middle
            for blow in range(BLOWS):
                await progressed(handle, source.uniform(blow, blow + 1) / (BLOWS + 1))
                await asyncio.sleep(source.uniform(0, 0.3))  # sleeps: chaos strikes at any time
                if blow % 2 and blows:
                    await source.choice(blows)()
                else:
                    worker.kill()
                    worker = ground.worker()
                # Then whatever is seen is whole
                assert await lasting(ground) == set()
            # And in the end each item has one outcome, and only what is bad has failed
            result = await handle.result(timeout=LONG)
            outcomes = await items(handle)
            assert [each.name for each in outcomes] == sorted(corpus.names)
            failed = {each.name: each.error for each in outcomes if each.outcome is ItemOutcome.FAILED}
            assert set(corpus.bad) <= set(failed)
            assert len(failed) <= len(corpus.bad) + 0.02 * len(corpus.names), failed
            deduplicated += result.deduplicated
            names += len(corpus.names)
        await ground.library.tasks.clean_up.run()
    finally:
        worker.kill()
    # And no chunk is double or without its document, no vector without its chunk, and the registry agrees with itself
    known = await documents(ground.library, NAME)
    assert len(known) == names - deduplicated
    assert await disagreements(ground.library, NAME) == []


async def test_an_import_in_files_survives_kills(here: Ground, tmp_path: Path) -> None:
    await beaten(here, tmp_path)


async def test_an_import_over_redis_survives_kills_and_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_redis: MakeRedis
) -> None:
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    server = make_redis(appendonly=True, appendfsync="always")

    async def restart() -> None:
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)

    async with ground_on(server.url, tmp_path) as ground:
        await beaten(ground, tmp_path, [restart])
