"""Every exception of Abaca.

::

    AbacaError
    ├── ConfigError            a setting, URL or duration that cannot be used; raised before any work starts
    ├── TaskDeclarationError   a function that cannot be a task; raised by the decorator
    ├── UnknownTask            no task of that name is registered here
    ├── DuplicateStep          a run used the name of a step, a sleep or an event twice
    ├── ScheduleNotFound       no schedule of that name is stored
    ├── KeyNotFound            no API key of that id is stored
    ├── SubscriptionNotFound   no webhook subscription of that id is stored
    ├── ArgumentError          an argument does not fit the task's signature; also a TypeError
    ├── ResultError            a result that cannot be stored, or read, as its declared type; also a TypeError
    ├── PayloadTooLarge        arguments or a result above the size limit
    ├── EnqueueRefused         the store refused a new job; the message gives its reason
    │   ├── QueueFull          as many jobs wait in the queue as its settings allow, or for as long
    │   └── DuplicateJob       another job has its key, and the call asked to be told so
    ├── WebhookRejected        a webhook that came in is not genuine, or too old; raised by verify_webhook()
    ├── RunningLoopError       a _sync method was called inside a running event loop
    ├── BackendError           the store refused in a way that is a bug or a damaged store
    │   └── BackendUnavailable the store cannot be reached now; whether the call happened is unknown; try again
    ├── PlaceUnavailable       the place for large results cannot be used now; try again
    └── JobError               about one job; carries job_id
        ├── JobNotFound        no job of that id, or it was deleted
        ├── JobFailed          the job ended as failed; carries type, message and traceback
        ├── JobCancelled       the job ended as cancelled
        ├── ResultTimeout      the wait ended before the job did; the job goes on; also a TimeoutError
        ├── JobConflict        the job is not in a state that allows this
        ├── EventTimeout       the event that a handler waits for did not come in time; also a TimeoutError
        ├── ResultExpired      the job ended, but its result is no longer kept
        ├── ResultLost         the job completed, but its result is not in its place, or damaged there
        ├── ArgumentsLost      the job's arguments are not in their place, or damaged there
        └── ResultDisabled     the job keeps no result (keep=0)

    Signal                     raised by a handler to say how its run ends
    ├── Snooze                 back to waiting for some seconds, not charged
    └── Abort                  failed now, without retry

    CancelledByRequest         raised inside a sync handler by ``ctx.raise_if_cancelled()``
    └── RunLost                the store refused a step or an item: this run is no longer the job's

    Suspended                  raised by ``ctx.sleep`` and ``ctx.wait_event`` to end the run until they are over
"""

from __future__ import annotations

from datetime import timedelta


class AbacaError(Exception):
    """The base of every error that Abaca raises."""


class ConfigError(AbacaError, ValueError):
    """A setting, URL or duration cannot be used. The message names it."""


class TaskDeclarationError(AbacaError, TypeError):
    """The decorated function cannot be a task. The message names the function and the parameter."""


class UnknownTask(AbacaError, LookupError):
    """No task of this name is registered here or was announced. ``near`` are known names that look like it."""

    def __init__(self, message: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.near = near


class DuplicateStep(AbacaError, ValueError):
    """One run gave the same name to two steps, sleeps or events, so a later run could not tell which is which."""


class ScheduleNotFound(AbacaError, LookupError):
    """There is no schedule of this name in the store."""


class SubscriptionNotFound(AbacaError, LookupError):
    """There is no webhook subscription of this id in the store."""


class KeyNotFound(AbacaError, LookupError):
    """There is no API key of this id in the store."""


class ArgumentError(AbacaError, TypeError):
    """An argument does not fit the task's signature. The message names the task and the argument."""


class ResultError(AbacaError, TypeError):
    """A result cannot be stored, or cannot be read, as the type that the task declares.

    ``final``: what made the value is done already, so the job fails at once where its handler lets this pass.
    """

    final = False


class PayloadTooLarge(AbacaError, ValueError):
    """The encoded arguments or the encoded result are larger than the limit. ``final``: as for ``ResultError``."""

    final = False


class EnqueueRefused(AbacaError):
    """The store refused a new job and stored nothing. The message gives its reason."""


class QueueFull(EnqueueRefused):
    """As many jobs wait in the queue as its settings allow, or for as long. Nothing was stored; try again later.

    ``wait`` is the store's estimate of how many seconds a new job would wait, or ``None`` where it gave none.
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class DuplicateJob(EnqueueRefused):
    """Another job has the key. Nothing was stored; ``job_id`` is that job's."""

    def __init__(self, job_id: str, message: str) -> None:
        super().__init__(message)
        self.job_id = job_id


class WebhookRejected(AbacaError):
    """A request that claims to be a webhook is not signed with the secret, or was sent too long ago."""


class RunningLoopError(AbacaError, RuntimeError):
    """A ``_sync`` method would block the running event loop; call the async method instead."""


class BackendError(AbacaError):
    """The store answered with something that is a bug or a damaged store."""


class BackendUnavailable(BackendError, ConnectionError):
    """The store cannot be reached now. Whether the call took effect is unknown; repeating it is safe."""


class PlaceUnavailable(AbacaError, ConnectionError):
    """The place for large results and arguments cannot be used now: away, full, or it refuses. The message says why."""


class JobError(AbacaError):
    """Something about one job."""

    def __init__(self, job_id: str, message: str) -> None:
        super().__init__(message)
        self.job_id = job_id


class JobNotFound(JobError, LookupError):
    """There is no job of this id."""


class JobFailed(JobError):
    """The job ended as failed.

    ``type`` is the qualified name of the exception class, ``message`` its text, ``traceback`` the formatted traceback
    of the last attempt (empty when there was none).
    """

    def __init__(self, job_id: str, type: str, message: str, traceback: str = "") -> None:
        what = type.removeprefix("builtins.")
        super().__init__(job_id, f"job {job_id} failed with {what}" + (f": {message}" if message else ""))
        self.type = type
        self.message = message
        self.traceback = traceback


class JobCancelled(JobError):
    """The job ended as cancelled. Not asyncio's ``CancelledError``: the waiter itself was not cancelled."""


class ResultTimeout(JobError, TimeoutError):
    """The wait ended before the job did."""


class JobConflict(JobError):
    """The job is not in a state that allows what was asked. The message says in which it is."""


class EventTimeout(JobError, TimeoutError):
    """The event that a handler waits for did not come in time. Every later run of the job sees the same."""


class ResultExpired(JobError):
    """The job ended, but its result is no longer kept."""


class ResultLost(JobError):
    """The job completed, and its result is not in the place where it was put, or is damaged there."""


class ArgumentsLost(JobError):
    """The job's arguments are not in the place where they were put, or are damaged there; it was not run."""


class ResultDisabled(JobError):
    """The job was enqueued with ``keep=0``, so no result is stored."""


class Signal(Exception):
    """Raised by a handler to say how its run ends."""


class Snooze(Signal):
    """Put the job back for ``delay`` (seconds or a timedelta) without charging the run."""

    def __init__(self, delay: float | timedelta) -> None:
        super().__init__(delay)
        self.delay = delay


class Abort(Signal):
    """Fail the job now, without retry."""


class CancelledByRequest(BaseException):
    """Raised by ``ctx.raise_if_cancelled()``. A BaseException, so that a broad ``except Exception`` does not eat it."""


class RunLost(CancelledByRequest):
    """The store refused what a run wanted to store: the job has another run by now, or has ended. Nothing was stored,
    and whatever this run still does counts for nothing."""


class Suspended(BaseException):
    """Ends a run until a durable sleep is over or an event comes; ``waits`` names the events. Let it pass.

    A BaseException, so that a broad ``except Exception`` does not eat it.
    """

    def __init__(self, delay_ms: int, waits: tuple[str, ...] = ()) -> None:
        super().__init__(f"the run ends here and goes on in at most {delay_ms / 1000:g} s")
        self.delay_ms = delay_ms
        self.waits = waits
