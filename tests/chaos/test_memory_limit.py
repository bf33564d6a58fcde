"""A process that the kernel kills for its memory: only the child is in the small group, so only the child goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from abaca import App
from abaca.codec import new_id
from abaca.model import State
from tests.chaos import pills
from tests.chaos.ground import Yard
from tests.integration.crew import crew
from tests.worker.harness import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(60)]
PILLS = "tests.chaos.pills:app"
MEMORY = Path("/sys/fs/cgroup/memory")
LIMIT = 200 << 20


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A memory group of ours; the test is left out where this machine has none or does not let us."""
    group = MEMORY / f"abaca-test-{new_id()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(LIMIT))
        (group / "memory.swappiness").write_text("0")
    except OSError as error:
        if group.exists():
            group.rmdir()
        pytest.skip(f"no memory group to be had here: {error}")
    yield group
    group.rmdir()


async def test_a_process_killed_for_its_memory_is_charged_and_nobody_else(
    sqlite_url: str, tmp_path: Path, small_group: Path
) -> None:
    # Given: a worker, and a handler that enters a small memory group with its own process only and then eats
    async with App(sqlite_url) as app:
        ground = Yard(app, tmp_path, pills.app)
        with crew(sqlite_url, 1, PILLS, lease="60s") as (worker,):
            beside = await ground.enqueue("tick", str(ground.go_on))
            glutton = await ground.enqueue_plain("eat_in_a_group", str(small_group / "cgroup.procs"))

            # When: the kernel has enough of it, twice
            job = await ground.ended(glutton)
            ground.go_on.touch()
            spared = await ground.ended(beside)
            assert worker.stop() == 0
        await until(lambda: not (small_group / "cgroup.procs").read_text(), "the group is empty")

    # Then: it has failed by the kernel's signal, and the others have felt nothing
    assert job.error is not None
    assert (job.state, job.attempts, job.error.type) == (State.FAILED, 2, "abaca.WorkerCrashed")
    assert "SIGKILL" in job.error.message
    assert (spared.state, spared.attempts, spared.losses) == (State.COMPLETED, 1, 0)
    assert not os.path.exists(tmp_path / "core")
