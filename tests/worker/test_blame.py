"""Whom the supervisor blames for a runner's death, from what the runner said before it died."""

from __future__ import annotations

import asyncio
import itertools
import signal
import subprocess
import sys
import time

import msgspec
import pytest

from abaca.model import Job, State
from abaca.policy.outcome import Crashed, Outcome, Released, TimedOut
from abaca.worker.link import Apart, Begins, ChildStarted, Drained, Hopeless, Over, frame, frame_gone, frame_taken
from abaca.worker.runner_proxy import RunnerProxy
from abaca.worker.spawn import Kept
from tests.worker.harness import Stage


def sleeper() -> subprocess.Popen[bytes]:
    """A process, the leader of its own group, that does nothing."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)


class Mute(asyncio.WriteTransport):
    """Takes every word and does nothing."""

    def write(self, data: object) -> None: ...

    def close(self) -> None: ...


class Morgue:
    """A proxy whose runner said what the test wants, and then died by a signal."""

    def __init__(self) -> None:
        self._ids = itertools.count()
        self.proxy = RunnerProxy(15_000, on_ready=self._never)
        self._runner = sleeper()
        self.proxy._process = Kept(self._runner)
        self.proxy._transport = Mute()

    async def _never(self, *args: object) -> None:
        raise AssertionError("the runner never said that it is ready")

    def took(self, count: int, timeout_ms: int | None = None) -> list[Job]:
        job = Stage().job("any", timeout_ms=timeout_ms)
        specs = [msgspec.structs.replace(job, id=f"{next(self._ids):032x}") for _ in range(count)]
        jobs = [Job(spec=spec, state=State.RUNNING, epoch=1) for spec in specs]
        self.proxy.data_received(frame_taken(jobs, time.monotonic()))
        return jobs

    def die(self, number: signal.Signals = signal.SIGKILL) -> dict[str, Outcome]:
        self._runner.send_signal(number)
        self._runner.wait(10)
        self.proxy._process.poll()
        return {key[0]: outcome for key, outcome in self.proxy.post_mortem().items()}


@pytest.fixture
async def morgue() -> Morgue:
    return Morgue()


async def test_the_only_run_of_a_dead_runner_is_charged(morgue: Morgue) -> None:
    # Given: a runner with one run
    (job,) = morgue.took(1)

    # When: it dies
    outcomes = morgue.die(signal.SIGSEGV)

    # Then: blame is sure
    assert outcomes == {job.id: Crashed(signal=int(signal.SIGSEGV), alone=True)}


async def test_of_several_runs_none_is_charged(morgue: Morgue) -> None:
    # Given: a runner with three runs, of which one had ended
    jobs = morgue.took(3)
    morgue.proxy.data_received(frame_gone([(jobs[0].id, 1)]))

    # When: it dies
    outcomes = morgue.die()

    # Then: the two others are lost, without blame on either
    lost = Crashed(signal=9)
    assert outcomes == {jobs[1].id: lost, jobs[2].id: lost}


async def test_a_run_in_a_process_of_its_own_is_not_blamed_for_its_runner(morgue: Morgue) -> None:
    # Given: a runner with one run of its own and one in a child process
    inside, outside = morgue.took(2)
    child = sleeper()
    morgue.proxy.data_received(frame(ChildStarted(pid=child.pid, id=outside.id, epoch=1)))

    # When: the runner dies
    outcomes = morgue.die(signal.SIGSEGV)
    child.kill()
    child.wait(10)

    # Then: the one inside it was alone there and is charged, the other cannot have done it
    assert outcomes == {
        inside.id: Crashed(signal=int(signal.SIGSEGV), alone=True),
        outside.id: Crashed(signal=int(signal.SIGSEGV), blameless=True),
    }


async def test_a_runner_killed_for_one_run_s_deadline_charges_only_that_one(morgue: Morgue) -> None:
    # Given: a run past its deadline beside one without
    (late, _) = morgue.took(2, timeout_ms=1)
    morgue.proxy._held[bytes.fromhex(f"{1:032x}") + (1).to_bytes(4, "little")].timeout_ms = 0

    # When: the supervisor kills the runner for it
    morgue.proxy.enforce(time.monotonic() + 1, 0)
    outcomes = morgue.die()

    # Then: the culprit timed out, the other is lost without blame
    other = outcomes.pop(f"{1:032x}")
    assert outcomes == {late.id: TimedOut(timeout_ms=1)}
    assert isinstance(other, Crashed)
    assert (other.alone, other.blameless) == (False, True)


async def test_an_earlier_kill_of_a_child_does_not_excuse_a_later_crash(morgue: Morgue) -> None:
    # Given: a runner whose child was killed for a deadline long ago
    (late,) = morgue.took(1, timeout_ms=1)
    child = sleeper()
    morgue.proxy.data_received(frame(ChildStarted(pid=child.pid, id=late.id, epoch=1)))
    morgue.proxy.enforce(time.monotonic() + 1, 0)
    assert child.wait(10) < 0
    morgue.proxy.data_received(frame_gone([(late.id, 1)]))

    # When: another run kills the runner
    (job,) = morgue.took(1)
    outcomes = morgue.die(signal.SIGSEGV)

    # Then: that one is charged
    assert outcomes == {job.id: Crashed(signal=int(signal.SIGSEGV), alone=True)}


async def test_a_runner_ended_by_a_second_signal_charges_nobody(morgue: Morgue) -> None:
    # Given: a runner with two runs
    jobs = morgue.took(2)

    # When: the supervisor ends it because it was told to
    morgue.proxy.kill(released=True)
    outcomes = morgue.die()

    # Then: both are given back
    assert outcomes == {job.id: Released() for job in jobs}


@pytest.mark.parametrize(
    ("untouched", "said"),
    [(True, Released()), (False, Crashed(signal=11, blameless=True))],
    ids=["no middleware", "middleware"],
)
async def test_a_run_that_waits_for_its_process_neither_shares_nor_bears_the_blame(
    morgue: Morgue, untouched: bool, said: Outcome
) -> None:
    # Given: a run in the runner, and one that is for a process that is not there yet
    inside, waits = morgue.took(2)
    morgue.proxy.data_received(frame(Apart(id=waits.id, epoch=1, untouched=untouched)))

    # When: the runner dies
    outcomes = morgue.die(signal.SIGSEGV)

    # Then: the one inside was alone; the other had not begun, unless middleware may have been at work for it
    assert outcomes == {inside.id: Crashed(signal=11, alone=True), waits.id: said}


async def test_a_run_that_has_got_its_process_has_begun(morgue: Morgue) -> None:
    # Given: a run that waited for its process and has it now
    (job,) = morgue.took(1)
    child = sleeper()
    morgue.proxy.data_received(frame(Apart(id=job.id, epoch=1)))
    morgue.proxy.data_received(frame(ChildStarted(pid=child.pid, id=job.id, epoch=1)))

    # When: the runner above it dies
    outcomes = morgue.die()
    child.kill()
    child.wait(10)

    # Then: that counts as a loss, without blame
    assert outcomes == {job.id: Crashed(signal=9, blameless=True)}


async def test_a_death_during_a_drain_is_a_death_like_any_other(morgue: Morgue) -> None:
    # Given: a runner that was told to drain, with one run
    (job,) = morgue.took(1)
    morgue.proxy.drain(30)

    # When: it dies before it has done so
    outcomes = morgue.die(signal.SIGSEGV)

    # Then: the run is charged
    assert outcomes == {job.id: Crashed(signal=11, alone=True)}


@pytest.mark.parametrize("word", [Drained(), Hopeless(reason="the store is gone")])
async def test_what_a_runner_leaves_that_said_good_bye_is_given_back(morgue: Morgue, word: Drained | Hopeless) -> None:
    # Given: a runner that has drained as far as it could, or has given up the store, with a thread that will not end
    (job,) = morgue.took(1)
    morgue.proxy.data_received(frame(word))

    # When: it is gone
    outcomes = morgue.die()

    # Then: its run is given back
    assert outcomes == {job.id: Released()}


async def test_a_second_signal_after_its_death_excuses_nobody(morgue: Morgue) -> None:
    # Given: a runner that was killed by its only run, which its supervisor has not noticed yet
    (job,) = morgue.took(1)
    morgue._runner.kill()
    morgue._runner.wait(10)

    # When: the supervisor is told to end now
    morgue.proxy.kill(released=True)
    outcomes = {key[0]: outcome for key, outcome in morgue.proxy.post_mortem().items()}

    # Then: the run is charged all the same
    assert outcomes == {job.id: Crashed(signal=9, alone=True)}


async def test_the_time_of_a_run_begins_with_its_process(morgue: Morgue) -> None:
    # Given: a run that was claimed long ago, and gets its process now
    (job,) = morgue.took(1, timeout_ms=60_000)
    entry = morgue.proxy._held[bytes.fromhex(job.id) + (1).to_bytes(4, "little")]
    entry.taken_at -= 1000
    child = sleeper()
    morgue.proxy.data_received(frame(ChildStarted(pid=child.pid, id=job.id, epoch=1)))

    # When: deadlines are enforced
    morgue.proxy.enforce(time.monotonic(), 0)

    # Then: nobody was killed for what it waited
    assert child.poll() is None
    child.kill()
    child.wait(10)
    morgue.die()


async def test_the_time_of_a_run_begins_when_it_has_its_parents_results(morgue: Morgue) -> None:
    # Given: a run that was claimed long ago, and begins now
    (job,) = morgue.took(1, timeout_ms=60_000)
    entry = morgue.proxy._held[bytes.fromhex(job.id) + (1).to_bytes(4, "little")]
    entry.taken_at -= 1000
    morgue.proxy.data_received(frame(Begins(id=job.id, epoch=1)))

    # When: deadlines are enforced
    morgue.proxy.enforce(time.monotonic(), 0)

    # Then: it was not told to stop, and nobody was killed
    assert entry.reason is None
    assert morgue._runner.poll() is None
    morgue.die()


async def test_a_run_whose_handler_is_over_is_not_killed_for_it(morgue: Morgue) -> None:
    # Given: a run past its deadline, of which the runner says that only its settle is on the way
    (job,) = morgue.took(1, timeout_ms=1)
    morgue.proxy.enforce(time.monotonic() + 0.1, 10)
    morgue.proxy.data_received(frame(Over(id=job.id, epoch=1)))

    # When: its deadline and the grace time are long over
    morgue.proxy.enforce(time.monotonic() + 1000, 0)

    # Then: the runner lives
    assert morgue._runner.poll() is None
    morgue.die()
