"""Every kind of bad input is answered with what happened, to which job or setting, and what happens next.

What the worker does about each is in ``tests/worker/test_bad_input.py``; here are the words that people get.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec
import pytest

from abaca import AbacaError, App, Ctx, Retry
from abaca.codec import new_id
from abaca.config import load_settings
from abaca.model import ErrorInfo, Job, NewJob, RetryRule, State
from abaca.policy.decide import TASK_MISSING_LIMIT_MS, Memo, decide
from abaca.policy.outcome import Crashed, Damaged, LeaseLost, Outcome, TaskMissing, TimedOut
from tests.worker.harness import ONCE, Stage

app = App("memory://")


@app.task(max_payload=100)
def measure(n: int, text: str = "") -> int:
    return n + len(text)


CLIENT: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "unknown task": (
        lambda: app.enqueue_by_name("far"),
        ["task 'far'", "no worker has announced it", "nothing was enqueued", "Start a worker that has it"],
    ),
    "wrong argument": (
        lambda: measure.enqueue(cast("int", "1")),
        ["task 'measure', argument 'n'", "Expected `int`, got `str`", "nothing was enqueued"],
    ),
    "missing argument": (
        lambda: cast("Any", measure).enqueue(),
        ["task 'measure'", "missing a required argument: 'n'", "nothing was enqueued"],
    ),
    "misspelt argument": (
        lambda: cast("Any", measure).enqueue(1, txt="x"),
        ["task 'measure'", "unexpected keyword argument 'txt'", "nothing was enqueued"],
    ),
    "argument too large": (
        lambda: measure.enqueue(1, "x" * 200),
        ["task 'measure'", "limit is 100", "largest is 'text'", "nothing was enqueued", "pass a reference"],
    ),
    "no url": (lambda: App("redis:/here"), ["App(url)", "'redis:/here' is no store URL", "use sqlite:///"]),
    "unknown scheme": (lambda: App("mysql://here").stats(), ["'mysql' is unknown", "use memory://, sqlite:///"]),
    "later work": (lambda: App("postgresql://here").stats(), ["PostgreSQL is later work", "use sqlite://"]),
    "bad url option": (lambda: App("sqlite:///x.db?mode=ro").stats(), ["unknown option 'mode'", "the only one is"]),
    "bad port": (lambda: App("redis://host:99999/0").stats(), ["store URL", "port"]),
    "bad duration": (lambda: measure.opts(delay=cast("Any", "soon")), ["delay", "'soon' is not a duration", "30s"]),
    "bad priority": (lambda: measure.opts(priority=101), ["priority: 101", "give 0 to 100"]),
    "bad queue": (lambda: measure.opts(queue="a b"), ["queue: 'a b'", "use 1 to 128 letters"]),
    "bad retry": (lambda: Retry(max_attempts=0), ["max_attempts=0", "it counts runs, from 1"]),
    "bad option of a worker": (lambda: app.worker(concurrency=0), ["worker concurrency: 0", "from 1 to"]),
    "wait for no job": (
        lambda: app.job("0" * 32).result(timeout=5),
        ["there is no job 000", "never stored, or it was deleted, or its time is over"],
    ),
}


@pytest.mark.parametrize("case", list(CLIENT))
async def test_a_caller_is_told_what_is_wrong_and_what_to_do(case: str) -> None:
    act, words = CLIENT[case]

    async def give() -> None:
        answer = act()
        if isinstance(answer, Awaitable):
            await answer

    with pytest.raises(AbacaError) as refused:
        await give()
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ABACA_WORKER_CONCURRENCY", "9" * 5000, "whole number from 1"),
        ("ABACA_WORKER_LEASE", "soon", "is not a duration"),
        ("ABACA_WORKER_LEASE", "-1", "is not a duration"),
        ("ABACA_WORKER_LEASE", "nan", "is not a duration"),
        ("ABACA_WORKER_MAX_CHILD_RSS", "9" * 5000, "is not a size"),
        ("ABACA_WORKER_QUEUES", "a b", "not a usable name"),
        ("ABACA_WORKER_WEIGHTS", "default=\x1b[31m", "whole number from 1"),
        ("ABACA_URL", "here\r\nfake", "is not a store URL"),
        ("ABACA_LOG_LEVEL", "loud" * 1000, "is not one of"),
        ("ABACA_WORKER_CONCURENCY", "5", "did you mean"),
    ],
    ids=range(10),
)
def test_a_bad_setting_stops_the_start_with_its_name(variable: str, value: str, words: str) -> None:
    with pytest.raises(AbacaError) as refused:
        load_settings(environ={variable: value})
    text = str(refused.value)
    assert variable in text
    assert words in text
    assert len(text) < 500
    assert text.isprintable()


def running(**fields: Any) -> Job:
    spec = NewJob(id=new_id(), task="far", retry=fields.pop("retry", None))
    return Job(spec=spec, state=State.RUNNING, epoch=3, **fields)


LONG_MISSING = msgspec.msgpack.encode(Memo(missing_ms=TASK_MISSING_LIMIT_MS))
ENDS: dict[str, tuple[Job, Outcome, str, list[str]]] = {
    "nobody knew the task": (
        running(memo=LONG_MISSING),
        TaskMissing(),
        "abaca.UnknownTask",
        ["no worker knew the task 'far' for 24 hours", "requeue the job once one does"],
    ),
    "killed by a signal": (
        running(retry=ONCE),
        Crashed(signal=11, alone=True),
        "abaca.WorkerCrashed",
        ["the process that ran it was killed by SIGSEGV"],
    ),
    "left with a status": (
        running(retry=ONCE),
        Crashed(exit_code=0, alone=True),
        "abaca.WorkerCrashed",
        ["exited with status 0 and gave no result"],
    ),
    "timed out": (running(retry=ONCE), TimedOut(timeout_ms=1500), "abaca.JobTimeout", ["after its timeout of 1.5 s"]),
    "damaged": (running(), Damaged(reason="its bytes end early"), "abaca.RecordDamaged", ["its bytes end early"]),
}


@pytest.mark.parametrize("case", list(ENDS))
def test_a_job_that_ends_without_its_handler_says_why(case: str) -> None:
    job, outcome, type_, words = ENDS[case]
    to = decide(job, outcome, lambda: 0.5)
    assert to.target is State.FAILED
    assert to.error is not None
    assert to.error.type == type_
    for word in words:
        assert word in to.error.message


def test_a_lost_lease_is_told_as_a_loss_and_the_job_comes_back() -> None:
    to = decide(running(retry=RetryRule()), LeaseLost(), lambda: 0.5)
    assert (to.target, to.losses) == (State.WAITING, 1)


STORED: dict[str, tuple[bytes, list[str]]] = {
    "wrong type": (b'{"n": "x"}', ["task 'give', argument 'n'", "Expected `int`, got `str`"]),
    "missing": (b"{}", ["task 'give'", "missing required field `n`"]),
    "unknown": (b'{"n": 1, "z": 1}', ["task 'give'", "unknown field `z`"]),
    "no json": (b"\xff\x00", ["task 'give'"]),
    "too deep": (b'{"n": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", ["task 'give'"]),
    "too great a number": (b'{"n": ' + b"9" * 5000 + b"}", ["task 'give'", "argument 'n'"]),
    "a lone surrogate": (b'{"n": "\\ud800"}', ["task 'give'"]),
}


@pytest.mark.parametrize("case", list(STORED))
async def test_a_job_whose_arguments_do_not_fit_says_which_and_what_to_do(case: str) -> None:
    """Stored by an older client, or by one without our checks."""
    data, words = STORED[case]
    stage = Stage()

    @stage.task
    async def give(ctx: Ctx, n: int) -> int:
        return n

    async with stage.worker():
        job = await stage.ended(await stage.submit(give.name, args=data))
    error = cast("ErrorInfo", job.error)
    assert (job.state, error.type) == (State.FAILED, "abaca.errors.ArgumentError")
    for word in [*words, "the job fails and keeps its arguments: requeue it once the handler takes them"]:
        assert word in error.message


@pytest.mark.parametrize(
    ("value", "words"),
    [(object(), "cannot be stored as"), ("x" * 200, "return a reference to it, or raise max_payload")],
    ids=["no json", "too large"],
)
async def test_a_job_whose_result_cannot_be_stored_says_why_and_that_it_is_not_retried(value: Any, words: str) -> None:
    stage = Stage()

    @stage.task(max_payload=100)
    async def give() -> Any:
        return value

    async with stage.worker():
        job = await stage.ended(await stage.submit(give))
    error = cast("ErrorInfo", job.error)
    for word in ("task 'give'", words, "the job fails and is not retried"):
        assert word in error.message
