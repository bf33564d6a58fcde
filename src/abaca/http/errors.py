"""The one shape of errors, and which error of Abaca is which answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from abaca.errors import (
    AbacaError,
    ArgumentError,
    ArgumentsLost,
    BackendUnavailable,
    ConfigError,
    DuplicateJob,
    EnqueueRefused,
    JobConflict,
    JobError,
    JobNotFound,
    PayloadTooLarge,
    PlaceUnavailable,
    QueueFull,
    ResultDisabled,
    ResultExpired,
    ResultLost,
    ScheduleNotFound,
    SubscriptionNotFound,
    UnknownTask,
)

RETRY_AFTER = 2
"""Seconds after which a caller may try again when the store is away or a queue is full."""
MOST_RETRY_AFTER = 60


class Code(StrEnum):
    """Every code that an error of the API may have. A plugin's routes may have codes of their own besides."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    JOB_NOT_FOUND = "job_not_found"
    QUEUE_NOT_FOUND = "queue_not_found"
    WORKER_NOT_FOUND = "worker_not_found"
    SCHEDULE_NOT_FOUND = "schedule_not_found"
    WORKFLOW_NOT_FOUND = "workflow_not_found"
    WEBHOOK_NOT_FOUND = "webhook_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    RESULT_EXPIRED = "result_expired"
    TOO_LARGE = "too_large"
    UNSUPPORTED_TYPE = "unsupported_type"
    INVALID = "invalid"
    QUEUE_FULL = "queue_full"
    RATE_LIMITED = "rate_limited"
    STORE_UNAVAILABLE = "store_unavailable"
    INTERNAL = "internal"


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """``field`` names what is wrong in the request. ``details`` differ by code."""

    code: str
    message: str
    field: str | None
    details: dict[str, Any]
    status: int
    request_id: str


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    error: ErrorBody


class ApiError(Exception):
    """An answer that is an error. Raise it in a route, or let an error of Abaca pass: ``problem`` knows each."""

    def __init__(
        self,
        status: int,
        code: Code | str,
        message: str,
        *,
        field: str | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.details = dict(details or {})
        self.headers = dict(headers or {})

    def answer(self, request_id: str) -> ErrorAnswer:
        return ErrorAnswer(
            error=ErrorBody(
                code=str(self.code),
                message=self.message,
                field=self.field,
                details=self.details,
                status=self.status,
                request_id=request_id,
            )
        )


def invalid(message: str, field: str | None = None, **details: Any) -> ApiError:
    return ApiError(422, Code.INVALID, message, field=field, details=details)


def malformed(message: str, field: str | None = None) -> ApiError:
    return ApiError(400, Code.MALFORMED, message, field=field)


def not_found(code: Code | str, message: str) -> ApiError:
    return ApiError(404, code, message)


def unauthenticated(message: str) -> ApiError:
    return ApiError(401, Code.UNAUTHENTICATED, message, headers={"WWW-Authenticate": "Bearer"})


def conflict(message: str, **details: Any) -> ApiError:
    return ApiError(409, Code.CONFLICT, message, details=details)


_MISSING = {ScheduleNotFound: Code.SCHEDULE_NOT_FOUND, SubscriptionNotFound: Code.WEBHOOK_NOT_FOUND}


def problem(error: Exception) -> ApiError | None:
    """The answer that an error of Abaca is; ``None`` for one that nobody foresaw."""
    match error:
        case ApiError():
            return error
        case BackendUnavailable() | PlaceUnavailable():
            return ApiError(503, Code.STORE_UNAVAILABLE, str(error), headers=_later())
        case QueueFull():
            wait_ms = None if error.wait is None else round(error.wait * 1000)
            return ApiError(
                429, Code.QUEUE_FULL, str(error), details={"wait_ms": wait_ms}, headers=_later(error.wait or 0)
            )
        case DuplicateJob():
            return conflict(str(error), job_id=error.job_id)
        case EnqueueRefused():
            return invalid(str(error))
        case PayloadTooLarge():
            return ApiError(413, Code.TOO_LARGE, str(error), field="args")
        case ArgumentError():
            return invalid(str(error), "args")
        case UnknownTask():
            return invalid(str(error), "task", near=error.near)
        case ScheduleNotFound() | SubscriptionNotFound():
            return not_found(_MISSING[type(error)], str(error))
        case ConfigError():
            return invalid(str(error))
        case JobError():
            return _of_a_job(error)
        case _:
            return None


def _of_a_job(error: JobError) -> ApiError | None:
    match error:
        case JobNotFound():
            return not_found(Code.JOB_NOT_FOUND, str(error))
        case JobConflict():
            return conflict(str(error), job_id=error.job_id)
        case ResultExpired() | ResultDisabled() | ResultLost() | ArgumentsLost():
            return ApiError(410, Code.RESULT_EXPIRED, str(error), details={"job_id": error.job_id})
        case _:
            return None


def is_ours(error: Exception) -> bool:
    return isinstance(error, AbacaError | ApiError)


def _later(seconds: float = 0) -> dict[str, str]:
    """Try again after so many seconds, within bounds."""
    return {"Retry-After": str(min(max(RETRY_AFTER, math.ceil(seconds)), MOST_RETRY_AFTER))}
