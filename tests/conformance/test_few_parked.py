"""The random programs again, with limits that come and go, on stores of which one act parks and lets back one job.

So more are parked than one act lets back.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from abaca.backends.memory import buckets, waiting
from abaca.backends.redis import scripts
from abaca.backends.sqlite import claims, limits
from abaca.model import BUCKET, QUEUE, Record, task_bucket
from abaca.testing import programs
from tests.conformance.test_differential import compare, files, prefixes

pytestmark = pytest.mark.no_cover
FEW = 1
SEEDS = range(20)
ONE = task_bucket("one")
COME = (
    Record(kind=BUCKET, id=ONE, data=b'{"bucket":"jobs-of:one","concurrency":0}'),
    Record(kind=BUCKET, id=ONE, data=b'{"bucket":"jobs-of:one","concurrency":1}'),
    Record(kind=QUEUE, id="a", data=b'{"concurrency":0}'),
    Record(kind=QUEUE, id="a", data=b'{"concurrency":1}'),
    Record(kind=BUCKET, id="one", data=b'{"bucket":"one","concurrency":0}'),
    Record(kind=BUCKET, id="one", data=b'{"bucket":"one","rate":1,"period_ms":700}'),
)
COME_AND_GO = tuple(record for come in COME for record in (come, msgspec.structs.replace(come, data=None, version=1)))
"""Those of rates last."""


def come_and_go(writer: programs.ProgramWriter) -> programs.Call:
    """What a program says of records: a limit that comes where there is none, or goes where there is one."""
    records = COME_AND_GO[:-2] if writer._rewinds else COME_AND_GO
    return programs.Call("put", ([writer._rng.choice(records)],))


@pytest.fixture(autouse=True)
def few_parked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(programs.ProgramWriter, "_records", come_and_go)
    monkeypatch.setattr(programs, "LANES", ("",))
    monkeypatch.setitem(programs._WEIGHTS, "records", 15)
    for module in (buckets, waiting, claims, limits):
        monkeypatch.setattr(module, "MOST_PARKED", FEW)
    source = scripts._source
    said = "local MOST_PARKED = 1000"
    assert said in source("limits")
    monkeypatch.setattr(scripts, "_source", lambda name: source(name).replace(said, f"local MOST_PARKED = {FEW}"))
    scripts.library.cache_clear()
    yield
    scripts.library.cache_clear()


@pytest.mark.parametrize("seed", SEEDS)
async def test_sqlite_answers_as_memory_does(seed: int, tmp_path: Path) -> None:
    # When five hundred random calls are made on both stores
    # Then every answer and all that is stored is equal
    await compare(seed, files(tmp_path))


@pytest.mark.redis
@pytest.mark.parametrize("seed", SEEDS)
async def test_redis_answers_as_memory_does(seed: int, redis_url: str) -> None:
    # When five hundred random calls are made on both stores
    # Then every answer and all that is stored is equal
    await compare(seed, prefixes(redis_url))
