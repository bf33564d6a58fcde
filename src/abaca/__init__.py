"""Abaca: typed, durable background jobs on SQLite or Redis."""

from abaca.app import App
from abaca.context import Ctx
from abaca.errors import (
    AbacaError,
    Abort,
    ArgumentError,
    BackendError,
    BackendUnavailable,
    CancelledByRequest,
    ConfigError,
    EnqueueRefused,
    JobCancelled,
    JobConflict,
    JobError,
    JobFailed,
    JobNotFound,
    PayloadTooLarge,
    ResultDisabled,
    ResultError,
    ResultExpired,
    ResultTimeout,
    RunningLoopError,
    Signal,
    Snooze,
    TaskDeclarationError,
    UnknownTask,
)
from abaca.handle import JobHandle
from abaca.jobresult import JobResult
from abaca.model import ErrorInfo, Exponential, Fixed, Job, Kind, Linear, Quadratic, Record, Status, Update, Verdict
from abaca.retryspec import Retry
from abaca.tasks import Call, Task

__version__ = "0.1.0.dev0"

__all__ = [
    "AbacaError",
    "Abort",
    "App",
    "ArgumentError",
    "BackendError",
    "BackendUnavailable",
    "Call",
    "CancelledByRequest",
    "ConfigError",
    "Ctx",
    "EnqueueRefused",
    "ErrorInfo",
    "Exponential",
    "Fixed",
    "Job",
    "JobCancelled",
    "JobConflict",
    "JobError",
    "JobFailed",
    "JobHandle",
    "JobNotFound",
    "JobResult",
    "Kind",
    "Linear",
    "PayloadTooLarge",
    "Quadratic",
    "Record",
    "ResultDisabled",
    "ResultError",
    "ResultExpired",
    "ResultTimeout",
    "Retry",
    "RunningLoopError",
    "Signal",
    "Snooze",
    "Status",
    "Task",
    "TaskDeclarationError",
    "UnknownTask",
    "Update",
    "Verdict",
]
