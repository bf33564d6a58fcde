"""Traces over real enqueues and a real worker, collected in memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace import TracerProvider as AnyProvider

from abaca import App, Retry
from abaca.backends.memory import MemoryBackend
from abaca.carrying import carrying
from abaca.observe.otel import instrument

REQUEST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """An app that is instrumented, and the spans that it made."""

    def __init__(self) -> None:
        self.app = App(backend=MemoryBackend())
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.provider: AnyProvider = provider
        instrument(self.app, provider)

    def spans(self) -> dict[str, list[ReadableSpan]]:
        found: dict[str, list[ReadableSpan]] = {}
        for span in sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0):
            found.setdefault(span.name, []).append(span)
        return found


@pytest.fixture
def traced() -> Iterator[Traced]:
    one = Traced()
    yield one
    one.app.close_sync()


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent is not None else None


def id_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_a_trace_goes_from_the_producer_over_the_attempt_to_what_it_enqueues(traced: Traced, kind: str) -> None:
    # Given a handler that enqueues another task
    app = traced.app

    @app.task
    async def child() -> None: ...

    async def in_loop() -> None:
        await child.enqueue()

    def in_thread() -> None:
        child.enqueue_sync()

    parent: Any = app.task(name="parent")(in_loop if kind == "async" else in_thread)

    # When it is enqueued by a program that has a span of its own, and both have run
    async with app, app.worker():
        with traced.provider.get_tracer("program").start_as_current_span("program"):
            job = await parent.enqueue()
        await job.result(timeout=30)
        page = await app.find()
        await app.job(next(one.id for one in page.jobs if one.spec.task == "child")).result(timeout=30)
    spans = {name: found[0] for name, found in traced.spans().items()}
    # Then each span is below the one that led to it, in one trace
    order = ["program", "enqueue parent", "run parent", "enqueue child", "run child"]
    assert [parent_of(spans[name]) for name in order] == [None, *(id_of(spans[name]) for name in order[:-1])]
    # And attempts are consumers with a link to what enqueued them
    run = spans["run parent"]
    assert (run.kind, spans["enqueue parent"].kind) == (SpanKind.CONSUMER, SpanKind.PRODUCER)
    assert [link.context.span_id for link in run.links] == [id_of(spans["enqueue parent"])]
    assert run.attributes is not None
    assert run.attributes["messaging.message.id"] == job.id


async def test_each_attempt_is_a_span_and_a_failure_is_an_error(traced: Traced) -> None:
    # Given a handler that fails once
    app, calls = traced.app, []

    @app.task(retry=Retry(max_attempts=2, backoff="none"))
    async def flaky(secret: str) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("no luck")

    # When it is run until it succeeds
    async with app, app.worker():
        await flaky.run("hunter2")
    first, second = traced.spans()["run flaky"]
    # Then each attempt has its span, and the first says what happened
    assert (first.status.status_code, second.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert "no luck" in (first.status.description or "")
    assert [event.name for event in first.events] == ["exception"]
    assert (first.attributes or {})["abaca.attempt"] == 1
    # And arguments are in no span
    assert "hunter2" not in "".join(span.to_json() for span in traced.exporter.get_finished_spans())


async def test_a_requests_trace_is_above_what_it_enqueues(traced: Traced) -> None:
    # Given a request that brings a trace and an id
    app = traced.app

    @app.task
    async def quick() -> None: ...

    # When it enqueues, with no span of its own
    async with app, app.worker():
        with carrying({"traceparent": REQUEST, "x-request-id": "req-7"}):
            job = await quick.enqueue()
        await job.result(timeout=30)
    spans = traced.spans()
    # Then the trace goes on, and the attempt names the request
    assert f"{parent_of(spans['enqueue quick'][0]):016x}" == REQUEST.split("-")[2]
    assert (spans["run quick"][0].attributes or {})["abaca.request_id"] == "req-7"


async def test_jobs_of_one_call_that_enqueues_many_have_a_span_each(traced: Traced) -> None:
    # Given a task
    app = traced.app

    @app.task
    async def quick(n: int) -> None: ...

    # When three calls are enqueued at once
    async with app:
        jobs = await app.enqueue_many(quick.call(n) for n in range(3))
    # Then each has its own producer
    made = [(span.attributes or {})["messaging.message.id"] for span in traced.spans()["enqueue quick"]]
    assert made == [job.id for job in jobs]


def test_without_it_nothing_of_opentelemetry_is_imported() -> None:
    # Given a program that enqueues and works, and no more
    program = (
        "import asyncio, sys\n"
        "from abaca import App\n"
        "app = App('memory://')\n"
        "@app.task\n"
        "async def quick() -> int: return 1\n"
        "async def main():\n"
        "    async with app, app.worker():\n"
        "        assert await quick.run() == 1\n"
        "asyncio.run(main())\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('opentelemetry', 'prometheus_client')))\n"
    )
    # When it runs
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    # Then neither traces nor metrics were loaded
    assert done.stdout.strip() == "[]", done.stderr
