"""Traces over enqueue, attempt and what the handler enqueues, with ``pip install abaca[otel]``.

One line in the module of the app switches it on, in every process that imports it: ``instrument(app)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from abaca.carrying import Stamp, carried
from abaca.current import request_of
from abaca.model import ErrorInfo, Job, NewJob
from abaca.policy.outcome import Aborted, Outcome, Raised, TimedOut, Unstored
from abaca.worker.middleware import CallNext, Middleware

_wire = TraceContextTextMapPropagator()


class Instrumented(Protocol):
    """What is traced."""

    def add_middleware(self, middleware: Middleware) -> Middleware: ...

    def stamp_jobs(self, stamp: Stamp | None) -> None: ...


def instrument(app: Instrumented, tracer_provider: TracerProvider | None = None) -> None:
    """From now on every enqueue is a producer span, and every attempt a consumer span below it and linked to it.

    What a handler enqueues is below its attempt. A request's ``traceparent`` that came with ``carrying(...)`` is above
    the enqueue where no span is current. Arguments and results are in no span. ``tracer_provider`` is by default the
    global one. Attempts of a ``pool="process"`` task have their span in the process above; what such a handler enqueues
    is below the enqueue of its job.
    """
    tracer = trace.get_tracer("abaca", tracer_provider=tracer_provider)

    def stamp(job: NewJob) -> Mapping[str, str]:
        with tracer.start_as_current_span(
            f"enqueue {job.task}", _above(), kind=SpanKind.PRODUCER, attributes=_attributes(job, "send")
        ):
            carrier: dict[str, str] = {}
            _wire.inject(carrier)
            return carrier

    async def traced(job: Job, call_next: CallNext) -> Outcome | None:
        producer = _wire.extract(job.spec.carrier)
        made_by = trace.get_current_span(producer).get_span_context()
        with tracer.start_as_current_span(
            f"run {job.spec.task}",
            producer,
            kind=SpanKind.CONSUMER,
            links=[Link(made_by)] if made_by.is_valid else [],
            attributes={**_attributes(job.spec, "process"), "abaca.attempt": job.attempt, **_request(job)},
        ) as span:
            outcome = await call_next(job)
            _tell(span, outcome)
            return outcome

    app.stamp_jobs(stamp)
    app.add_middleware(traced)


def _above() -> Context | None:
    """Nothing for the current span, which is the default; without one, what came with the request."""
    if trace.get_current_span().get_span_context().is_valid:
        return None
    return _wire.extract(carried())


def _attributes(job: NewJob, operation: str) -> dict[str, str]:
    return {
        "messaging.system": "abaca",
        "messaging.operation.type": operation,
        "messaging.destination.name": job.queue,
        "messaging.message.id": job.id,
        "abaca.task": job.task,
    }


def _request(job: Job) -> dict[str, str]:
    return {f"abaca.{name}": value for name, value in request_of(job).items()}


def _tell(span: Span, outcome: Outcome | None) -> None:
    span.set_attribute("abaca.outcome", "lost" if outcome is None else type(outcome).__name__.lower())
    if isinstance(outcome, Raised | Aborted | Unstored):
        _tell_error(span, outcome.error)
    elif isinstance(outcome, TimedOut):
        span.set_status(Status(StatusCode.ERROR, f"stopped after its timeout of {outcome.timeout_ms / 1000:g} s"))


def _tell_error(span: Span, error: ErrorInfo) -> None:
    span.set_status(Status(StatusCode.ERROR, str(error)))
    span.add_event(
        "exception",
        {"exception.type": error.type, "exception.message": error.message, "exception.stacktrace": error.traceback},
    )
