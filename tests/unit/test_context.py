"""What a handler sees of its job."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import msgspec
import pytest

from abaca import CancelledByRequest, Ctx, Job, Kind, PayloadTooLarge
from abaca.model import NewJob, State

JOB = Job(spec=NewJob(id="a" * 32, task="t"), state=State.RUNNING, epoch=7, attempts=1)


class Sink:
    """Collects what a handler reports."""

    def __init__(self) -> None:
        self.reports: list[tuple[Kind, object]] = []
        self.cancel = threading.Event()

    def __call__(self, kind: Kind, data: bytes) -> None:
        self.reports.append((kind, msgspec.json.decode(data)))

    def ctx(self, deadline: datetime | None = None) -> Ctx:
        return Ctx(JOB, task_max_attempts=4, report=self, cancel=self.cancel, deadline=deadline)


def test_a_handler_sees_its_run() -> None:
    deadline = datetime(2030, 1, 1, tzinfo=UTC)
    ctx = Sink().ctx(deadline)
    assert (ctx.job_id, ctx.attempt, ctx.max_attempts, ctx.fence) == ("a" * 32, 2, 4, 7)
    assert ctx.deadline == deadline


def test_progress_is_reported_with_all_its_parts() -> None:
    sink = Sink()
    sink.ctx().progress(1, 3, stage="read", message="one", data={"x": [1]})
    assert sink.reports == [
        (Kind.PROGRESS, {"done": 1, "total": 3, "stage": "read", "message": "one", "data": {"x": [1]}})
    ]


def test_a_log_line_keeps_its_fields_and_takes_any_value() -> None:
    sink = Sink()
    log = sink.ctx().log
    for write in (log.debug, log.info, log.warning, log.error):
        write("hello", n=1, what=Ctx, level="mine")
    assert [report["level"] for _, report in sink.reports] == ["debug", "info", "warning", "error"]  # type: ignore[index]
    assert sink.reports[0] == (Kind.LOG, {"level": "debug", "message": "hello", "n": 1, "what": repr(Ctx)})


def work_that_swallows(ctx: Ctx) -> None:
    try:
        ctx.raise_if_cancelled()
    except Exception:
        pytest.fail("a broad except caught it")


def test_a_cancel_is_seen_and_raised_past_a_broad_except() -> None:
    sink = Sink()
    ctx = sink.ctx()
    ctx.raise_if_cancelled()
    assert not Sink().ctx().cancelled
    sink.cancel.set()
    assert ctx.cancelled
    with pytest.raises(CancelledByRequest):
        work_that_swallows(ctx)


def test_what_is_too_large_or_has_no_json_form_is_refused() -> None:
    sink = Sink()
    ctx = sink.ctx()
    with pytest.raises(PayloadTooLarge, match="a progress report takes"):
        ctx.progress(1, data="x" * 70_000)
    with pytest.raises(PayloadTooLarge, match="a log line takes"):
        ctx.log.info("x" * 70_000)
    with pytest.raises(TypeError):
        ctx.progress(1, data=object())
    assert sink.reports == []
