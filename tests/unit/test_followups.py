"""What follows a job's end: the jobs that ``decide`` puts into the same transition."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest

from abaca.codec.payload import pack
from abaca.model import Callback, ErrorInfo, Fixed, Job, JobEnd, Keep, NewJob, RetryRule, State, Status, When
from abaca.policy.decide import decide
from abaca.policy.followups import MOST_RESULT, follow_up_id
from abaca.policy.outcome import Outcome, Raised, Released, Returned, WasCancelled
from abaca.worker.judging import judge

ID = "0190a1b2c3d47abc8abc0123456789" + "00"
OOPS = ErrorInfo(type="app.Oops", message="no", traceback="...", kinds=("app.Oops", "builtins.Exception"))
ONCE = RetryRule(max_attempts=1)


def after(when: When, task: str = "next", args: bytes = b"{}", **fields: Any) -> Callback:
    return Callback(when=when, into="end", job=NewJob(id="", task=task, args=args, **fields))


BOTH = (after(When.COMPLETED, "good"), after(When.FAILED, "bad"))


def running(*callbacks: Callback, epoch: int = 1, retry: RetryRule = ONCE, **fields: Any) -> Job:
    spec = NewJob(id=ID, task="t", queue="q", retry=retry, callbacks=callbacks, **fields)
    return Job(spec=spec, state=State.RUNNING, epoch=epoch)


def then(job: Job, outcome: Outcome) -> tuple[NewJob, ...]:
    return decide(job, outcome, lambda: 0.5).then


def end_of(new: NewJob) -> JobEnd[Any]:
    args = msgspec.json.decode(new.args)
    return msgspec.convert(args["end"], JobEnd[Any])


@pytest.mark.parametrize(
    ("outcome", "follows"),
    [(Returned(result=b"7"), ["good"]), (Raised(error=OOPS), ["bad"]), (WasCancelled(), []), (Released(), [])],
)
def test_each_end_has_its_own_followers_and_a_cancel_has_none(outcome: Outcome, follows: list[str]) -> None:
    assert [new.task for new in then(running(*BOTH), outcome)] == follows


def test_a_failure_that_is_tried_again_is_no_end() -> None:
    job = running(*BOTH, retry=RetryRule(max_attempts=2, backoff=Fixed(delay=1)))
    assert then(job, Raised(error=OOPS)) == ()


def test_a_job_that_is_cancelled_while_it_fails_has_no_followers() -> None:
    # Given a run of a job whose cancel came meanwhile, with attempts left
    job = running(*BOTH, retry=RetryRule(max_attempts=2, backoff=Fixed(delay=1)))
    # When it fails
    to = decide(msgspec.structs.replace(job, cancel=True), Raised(error=OOPS), lambda: 0.5)
    # Then it ends as cancelled and nothing follows
    assert (to.target, to.then) == (State.CANCELLED, ())


def test_what_follows_is_told_how_the_job_ended() -> None:
    # Given a job with an owner, tags and a tenant
    job = running(*BOTH, tags=("x",), owner="ann", tenant="acme")
    # When it completes, and when it fails
    (good,), (bad,) = then(job, Returned(result=b'{"n":7}')), then(job, Raised(error=OOPS))
    # Then each follower knows it
    told: dict[str, Any] = {
        "job_id": ID,
        "task": "t",
        "queue": "q",
        "attempts": 1,
        "tags": ("x",),
        "owner": "ann",
        "tenant": "acme",
    }
    assert end_of(good) == JobEnd(status=Status.COMPLETED, result={"n": 7}, **told)
    assert end_of(bad) == JobEnd(status=Status.FAILED, error=msgspec.structs.replace(OOPS, attempt=1), **told)
    # And goes where the job was, unless it says otherwise, for the same owner and tenant
    assert (good.queue, good.owner, good.tenant, good.parent) == ("default", "ann", "acme", f"job:{ID}")


def test_an_empty_queue_is_that_of_the_job() -> None:
    (new,) = then(running(after(When.COMPLETED, queue="")), Returned(result=b"1"))
    assert new.queue == "q"


def test_the_other_arguments_stay() -> None:
    (new,) = then(running(after(When.COMPLETED, args=b'{"to":"ops"}')), Returned(result=b"1"))
    args = msgspec.json.decode(new.args)
    assert (args["to"], args["end"]["result"]) == ("ops", 1)


def test_ids_are_one_for_each_run_and_place_and_are_of_version_7() -> None:
    # Given two callbacks for one end
    job = running(after(When.COMPLETED), after(When.COMPLETED))
    # When it is decided twice, and once for a later run
    first, again = then(job, Returned(result=b"1")), then(job, Returned(result=b"1"))
    later = then(msgspec.structs.replace(job, epoch=2), Returned(result=b"1"))
    # Then the same run has the same ids, and no others
    assert [new.id for new in first] == [new.id for new in again]
    assert len({new.id for new in (*first, *later)}) == 4
    # And each is a UUIDv7 of the job's own millisecond in partition 0
    for new in first:
        parsed = uuid.UUID(hex=new.id)
        assert (parsed.version, parsed.variant, new.id[-2:]) == (7, uuid.RFC_4122, "00")
        assert new.id[:12] == ID[:12]


def test_an_id_depends_on_all_three() -> None:
    assert (
        len({follow_up_id(ID, 1, 0), follow_up_id(ID, 2, 0), follow_up_id(ID, 1, 1), follow_up_id("a" * 32, 1, 0)}) == 4
    )


@pytest.mark.parametrize(("size", "left_out"), [(MOST_RESULT - 2, False), (MOST_RESULT, True)])
def test_a_large_result_is_left_out_and_said_so(size: int, left_out: bool) -> None:
    # Given a result that is stored compressed
    result = pack(b'"%s"' % (b"x" * size))
    # When the worker judges the run
    (new,) = judge(running(*BOTH), Returned(result=result)).then
    # Then a small one is copied as it is, and of a large one there is only the word
    end = end_of(new)
    assert (end.result is None, end.result_left_out) == (left_out, left_out)


def test_a_result_in_another_form_is_left_out() -> None:
    (new,) = judge(running(*BOTH), Returned(result=b"\x01 kept elsewhere, and longer than what is shared" * 3)).then
    assert end_of(new).result_left_out


def test_keep_nothing_stores_no_result_and_still_passes_it_on() -> None:
    to = decide(running(*BOTH, keep=Keep(completed_ms=0)), Returned(result=b"7"), lambda: 0.5)
    assert (to.result, end_of(to.then[0]).result) == (None, 7)


def test_equal_small_ends_are_shared_only_by_jobs_without_callbacks() -> None:
    # Given two jobs that are alike but for a callback of one
    plain, called = running(), running(*BOTH)
    # When both return the same
    shared, other = judge(plain, Returned(result=b"true")), judge(called, Returned(result=b"true"))
    # Then only the plain one's end is the shared one
    assert shared is judge(running(), Returned(result=b"true"))
    assert (shared.then, len(other.then)) == ((), 1)
