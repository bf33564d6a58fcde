"""``abaca jobs purge``, ``abaca jobs retention`` and ``abaca workers drain``."""

from __future__ import annotations

import asyncio
import json

import pytest

from abaca.model import Card, Lease
from abaca.orders import told_to_drain
from tests.cli.conftest import Stored, shop
from tests.command import Run


def test_a_purge_says_which_before_it_does_anything(run: Run, stored: Stored) -> None:
    # When somebody looks, or does not confirm
    words = ("jobs", "purge", "--status", "failed", "--status", "completed", "--older-than", "0s")
    looked, refused = run(*words, "--dry-run"), run(*words)
    # Then nothing was changed
    assert looked.status == 0
    assert looked.lines[-1].startswith("would delete 2 jobs (1 ")
    assert refused.status == 2
    assert "--yes" in refused.err
    assert run("jobs", "show", stored.failed).status == 0
    # When it is meant
    done = run("--json", *words, "--yes")
    assert json.loads(done.out) == {
        "dry_run": False,
        "matched": 2,
        "deleted": 2,
        "held": 0,
        "by_status": {"completed": 1, "failed": 1},
    }
    assert run("jobs", "show", stored.failed).status == 1
    # And what is younger, or of another task, stays
    assert json.loads(run("--json", *words, "--yes").out)["matched"] == 0


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--status", "queued", "--older-than", "1h"), "--status"),
        (("--status", "failed", "--older-than", "soon"), "--older-than"),
    ],
)
def test_a_purge_that_means_nothing_is_refused(run: Run, stored: Stored, words: tuple[str, ...], named: str) -> None:
    answer = run("jobs", "purge", *words)
    assert answer.status == 2
    assert named in answer.err


def test_retention_is_set_shown_and_forgotten(run: Run, stored: Stored) -> None:
    # When it is set for all and for one task
    run("jobs", "retention", "--completed", "2h", "--failed", "30d")
    shown = run("jobs", "retention", "add", "--completed", "1m")
    # Then both stand in the table
    assert [line.split() for line in shown.lines[1:]] == [["(all)", "2h0m", "-", "30d0h"], ["add", "1m0s", "-", "-"]]
    assert json.loads(run("--json", "jobs", "retention").out)["tasks"]["add"]["completed_ms"] == 60_000
    # And a slip of the pen changes nothing
    assert run("jobs", "retention", "ad", "--completed", "5m").status == 2
    # When it is forgotten
    run("jobs", "retention", "add", "--clear")
    assert list(json.loads(run("--json", "jobs", "retention").out)["tasks"]) == []
    run("jobs", "retention", "--clear")
    assert json.loads(run("--json", "jobs", "retention").out)["default"]["failed_ms"] is None
    assert run("jobs", "retention", "--failed", "0s").status == 2


def test_a_worker_is_told_to_drain_by_its_id_or_its_name(run: Run, stored: Stored) -> None:
    # Given three workers, two of one name
    async def beat() -> None:
        async with shop(stored.url) as app:
            for id, name in (("host-1", "mill"), ("host-2", "twin"), ("host-3", "twin")):
                card = Card(id=id, name=name, queues=("default",))
                await (await app.backend()).beat(card, [], Lease(worker=id, ms=60_000))

    async def told(id: str) -> bool:
        async with shop(stored.url) as app:
            return await told_to_drain(await app.backend(), id)

    asyncio.run(beat())
    # When one is named
    answer = run("workers", "drain", "mill")
    # Then it is told, and no other
    assert answer.status == 0
    assert [asyncio.run(told(id)) for id in ("host-1", "host-2")] == [True, False]
    # And a name that two have, or nobody, is refused
    assert "host-2, host-3" in run("workers", "drain", "twin").err
    missing = run("workers", "drain", "host-9")
    assert missing.status == 2
    assert "did you mean 'host-" in missing.err
    assert run("workers", "drain", "host-2").status == 0
    assert asyncio.run(told("host-2"))
