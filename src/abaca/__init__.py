"""Abaca: typed, durable background jobs on SQLite or Redis.

Names are loaded when they are first used, so that a command that needs few of them starts fast.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abaca.app import App
    from abaca.batch_context import BatchCtx
    from abaca.context import Ctx
    from abaca.errors import (
        AbacaError,
        Abort,
        ArgumentError,
        BackendError,
        BackendUnavailable,
        CancelledByRequest,
        ConfigError,
        DuplicateJob,
        EnqueueRefused,
        JobCancelled,
        JobConflict,
        JobError,
        JobFailed,
        JobNotFound,
        PayloadTooLarge,
        QueueFull,
        ResultDisabled,
        ResultError,
        ResultExpired,
        ResultTimeout,
        RunningLoopError,
        ScheduleNotFound,
        Signal,
        Snooze,
        TaskDeclarationError,
        UnknownTask,
        WebhookRejected,
    )
    from abaca.handle import JobHandle
    from abaca.jobresult import JobResult
    from abaca.limitspec import Limit
    from abaca.model import (
        ErrorInfo,
        Exponential,
        Fixed,
        Job,
        JobEnd,
        Kind,
        Linear,
        Page,
        Progress,
        Quadratic,
        Query,
        QueueSettings,
        Record,
        Schedule,
        Stats,
        Status,
        Update,
        Verdict,
    )
    from abaca.retryspec import Retry
    from abaca.tasks import Call, Task
    from abaca.webhooks import Webhook, verify_webhook
    from abaca.worker.service import Worker, Workers, WorkerStats

__version__ = "0.1.0.dev0"

_HOMES = {
    "AbacaError": "abaca.errors",
    "Abort": "abaca.errors",
    "App": "abaca.app",
    "ArgumentError": "abaca.errors",
    "BackendError": "abaca.errors",
    "BackendUnavailable": "abaca.errors",
    "BatchCtx": "abaca.batch_context",
    "Call": "abaca.tasks",
    "CancelledByRequest": "abaca.errors",
    "ConfigError": "abaca.errors",
    "Ctx": "abaca.context",
    "DuplicateJob": "abaca.errors",
    "EnqueueRefused": "abaca.errors",
    "ErrorInfo": "abaca.model",
    "Exponential": "abaca.model",
    "Fixed": "abaca.model",
    "Job": "abaca.model",
    "JobCancelled": "abaca.errors",
    "JobConflict": "abaca.errors",
    "JobEnd": "abaca.model",
    "JobError": "abaca.errors",
    "JobFailed": "abaca.errors",
    "JobHandle": "abaca.handle",
    "JobNotFound": "abaca.errors",
    "JobResult": "abaca.jobresult",
    "Kind": "abaca.model",
    "Limit": "abaca.limitspec",
    "Linear": "abaca.model",
    "Page": "abaca.model",
    "PayloadTooLarge": "abaca.errors",
    "Progress": "abaca.model",
    "Quadratic": "abaca.model",
    "Query": "abaca.model",
    "QueueFull": "abaca.errors",
    "QueueSettings": "abaca.model",
    "Record": "abaca.model",
    "ResultDisabled": "abaca.errors",
    "ResultError": "abaca.errors",
    "ResultExpired": "abaca.errors",
    "ResultTimeout": "abaca.errors",
    "Retry": "abaca.retryspec",
    "RunningLoopError": "abaca.errors",
    "Schedule": "abaca.model",
    "ScheduleNotFound": "abaca.errors",
    "Signal": "abaca.errors",
    "Snooze": "abaca.errors",
    "Stats": "abaca.model",
    "Status": "abaca.model",
    "Task": "abaca.tasks",
    "TaskDeclarationError": "abaca.errors",
    "UnknownTask": "abaca.errors",
    "Update": "abaca.model",
    "Verdict": "abaca.model",
    "Webhook": "abaca.webhooks",
    "WebhookRejected": "abaca.errors",
    "Worker": "abaca.worker.service",
    "WorkerStats": "abaca.worker.service",
    "Workers": "abaca.worker.service",
    "verify_webhook": "abaca.webhooks",
}

__all__ = [
    "AbacaError",
    "Abort",
    "App",
    "ArgumentError",
    "BackendError",
    "BackendUnavailable",
    "BatchCtx",
    "Call",
    "CancelledByRequest",
    "ConfigError",
    "Ctx",
    "DuplicateJob",
    "EnqueueRefused",
    "ErrorInfo",
    "Exponential",
    "Fixed",
    "Job",
    "JobCancelled",
    "JobConflict",
    "JobEnd",
    "JobError",
    "JobFailed",
    "JobHandle",
    "JobNotFound",
    "JobResult",
    "Kind",
    "Limit",
    "Linear",
    "Page",
    "PayloadTooLarge",
    "Progress",
    "Quadratic",
    "Query",
    "QueueFull",
    "QueueSettings",
    "Record",
    "ResultDisabled",
    "ResultError",
    "ResultExpired",
    "ResultTimeout",
    "Retry",
    "RunningLoopError",
    "Schedule",
    "ScheduleNotFound",
    "Signal",
    "Snooze",
    "Stats",
    "Status",
    "Task",
    "TaskDeclarationError",
    "UnknownTask",
    "Update",
    "Verdict",
    "Webhook",
    "WebhookRejected",
    "Worker",
    "WorkerStats",
    "Workers",
    "verify_webhook",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'abaca' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
