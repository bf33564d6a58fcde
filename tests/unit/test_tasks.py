"""Declaring tasks, and what the options of a task and of a call become."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec
import pytest
from msgspec.structs import replace

from abaca import App, ArgumentError, ConfigError, Ctx, Exponential, Retry, TaskDeclarationError
from abaca.model import DAY_MS, HOUR_MS, Delays, Fixed, Keep, NewJob, RetryRule

T = TypeVar("T")


@pytest.fixture
def app() -> App:
    return App("memory://")


async def with_ctx(ctx: Ctx, doc: str, dpi: int = 150) -> str:
    return f"{doc}@{dpi}"


def without_ctx(doc: str) -> str:
    """Renders."""
    return doc


def nothing() -> None: ...


def test_a_bare_declaration_takes_everything_from_the_function(app: App) -> None:
    render = app.task(with_ctx)
    assert (render.name, render.pool, render.takes_ctx) == ("with_ctx", "async", True)
    assert (render.module, render.qualname) == (__name__, "with_ctx")
    assert app.tasks == {"with_ctx": render}
    sync = app.task(without_ctx)
    assert (sync.pool, sync.takes_ctx, sync.__doc__, sync.__name__) == ("thread", False, "Renders.", "without_ctx")


async def test_a_task_stays_an_ordinary_function(app: App) -> None:
    ctx: Any = object()
    assert await app.task(with_ctx)(ctx, "a", dpi=3) == "a@3"
    assert app.task(without_ctx)("b") == "b"


def test_a_call_without_options_leaves_them_out(app: App) -> None:
    job = app.task(without_ctx).call("a").job
    assert job == NewJob(id=job.id, task="without_ctx", args=b'{"doc":"a"}', lane="thread")


def test_the_options_of_a_task_are_in_its_jobs(app: App) -> None:
    task = app.task(
        name="reports.render",
        queue="reports",
        priority="high",
        pool="process",
        retry=Retry(max_attempts=5, on=(OSError,)),
        timeout="1m",
        lease=20,
        keep={"completed": 60, "failed": "30d"},
        tags=["a", "b", "a"],
    )(without_ctx)
    job = task.call("x").job
    assert job == NewJob(
        id=job.id,
        task="reports.render",
        args=b'{"doc":"x"}',
        queue="reports",
        priority=75,
        lane="process",
        retry=RetryRule(max_attempts=5, on=("builtins.OSError",)),
        timeout_ms=60_000,
        lease_ms=20_000,
        keep=Keep(completed_ms=60_000, failed_ms=30 * DAY_MS, by="task"),
        tags=("a", "b"),
    )


def test_the_options_of_a_call_win_and_change_nothing_else(app: App) -> None:
    task = app.task(queue="slow", priority=10)(without_ctx)
    when = datetime(2030, 1, 1, 12, tzinfo=UTC)
    job = (
        task.opts(
            run_at=when, key="doc-7", priority="low", queue="fast", tags=["x"], timeout=2, owner="me", tenant="us"
        )
        .call("a")
        .job
    )
    assert (job.queue, job.priority, job.key, job.tags) == ("fast", 25, "doc-7", ("x",))
    assert (job.run_at, job.timeout_ms, job.owner, job.tenant) == (1_893_499_200_000_000, 2000, "me", "us")
    assert task.call("a").job.queue == "slow"
    assert task.call("a").job.key is None


def test_options_add_up_and_the_later_ones_win(app: App) -> None:
    job = app.task(nothing).opts(delay=60, priority=1).opts(priority=2).call().job
    assert (job.delay_ms, job.priority) == (60_000, 2)


def test_options_share_no_names_with_arguments(app: App) -> None:
    @app.task
    def clash(self: int, args: int, delay: int, key: str, task: str, id: str) -> None: ...

    call = clash.opts(delay=5).call(self=1, args=2, delay=3, key="k", task="t", id="i")
    assert call.job.args == b'{"self":1,"args":2,"delay":3,"key":"k","task":"t","id":"i"}'
    assert call.job.delay_ms == 5000


@pytest.mark.parametrize(
    ("keep", "stored"),
    [
        (0, Keep(completed_ms=0)),
        (60, Keep(completed_ms=60_000)),
        ("30d", Keep(completed_ms=30 * DAY_MS, cancelled_ms=30 * DAY_MS, failed_ms=30 * DAY_MS)),
        ({"failed": 0}, Keep(failed_ms=0)),
    ],
)
def test_keep_is_one_length_or_one_for_each_end(app: App, keep: Any, stored: Keep) -> None:
    assert app.task(nothing).opts(keep=keep).call().job.keep == stored
    assert app.task(name="own", keep=keep)(nothing).call().job.keep == replace(stored, by="task")


def test_the_apps_keep_is_for_tasks_that_say_nothing() -> None:
    app = App("memory://", keep="2h")
    assert app.task(nothing).call().job.keep == Keep(completed_ms=2 * HOUR_MS, by="app")
    assert app.task(name="own", keep=5)(nothing).call().job.keep == Keep(completed_ms=5000, by="task")


def named(name: str) -> Callable[[], None]:
    def fn() -> None: ...

    fn.__name__ = name
    return fn


class Holder:
    def method(self, x: int) -> None: ...
    @staticmethod
    def static(x: int) -> None: ...
    def __call__(self, x: int) -> None: ...


def untyped_generator():  # type: ignore[no-untyped-def]
    yield 1


async def async_generator() -> AsyncIterator[dict[list[int], int] | Callable[[], int] | int | bytes | str]:
    yield 1


def iterator() -> Iterator[int]:
    return iter([1])


async def coroutine() -> None: ...


def late_ctx(a: int, ctx: Ctx) -> None: ...
def union_ctx(ctx: Ctx | None) -> None: ...
def nested_ctx(a: int, more: list[Ctx]) -> None: ...
def annotated_ctx(ctx: Annotated[Ctx, "x"]) -> None: ...
def default_ctx(ctx: Ctx = None) -> None: ...  # type: ignore[assignment]
def keyword_ctx(*, ctx: Ctx) -> None: ...
def any_first(x: Any) -> None: ...
def object_first(x: object) -> None: ...
def untyped_first(x) -> None: ...  # type: ignore[no-untyped-def]
def untyped_args(*args) -> None: ...  # type: ignore[no-untyped-def]
def typevar_first(x: T) -> T:
    return x


def no_json(x: dict[list[int], int] | Callable[[], int] | int | bytes | str) -> None: ...


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        (Holder.method, "method"),
        (Holder().method, "plain function"),
        (Holder.static, "method"),
        (Holder(), "plain function"),
        (print, "plain function"),
        (untyped_generator, r"say what it yields: -> Iterator\[Item\]"),
        (async_generator, "its items have no JSON form"),
        (iterator, "is no generator"),
        (late_ctx, "'ctx' is Ctx; only the first"),
        (nested_ctx, "'more' is Ctx"),
        (union_ctx, "'ctx' must be annotated exactly Ctx"),
        (annotated_ctx, "'ctx' must be annotated exactly Ctx"),
        (default_ctx, "'ctx' must be annotated exactly Ctx"),
        (keyword_ctx, "'ctx' must be annotated exactly Ctx"),
        (any_first, "first parameter 'x'"),
        (object_first, "first parameter 'x'"),
        (untyped_first, "first parameter 'x'"),
        (untyped_args, "first parameter 'args'"),
        (typevar_first, "first parameter 'x'"),
        (no_json, "no JSON form"),
    ],
)
def test_a_function_that_cannot_be_a_task_is_refused(app: App, fn: Any, words: str) -> None:
    with pytest.raises(TaskDeclarationError, match=words) as refused:
        app.task(fn)
    assert getattr(fn, "__qualname__", repr(fn)).rpartition(".")[2] in str(refused.value)
    assert not app.tasks


@pytest.mark.parametrize(
    ("pool", "fn", "words"),
    [
        ("thread", coroutine, "async def cannot run in pool 'thread'"),
        ("process", coroutine, "async def cannot run in pool 'process'"),
        ("async", nothing, "def cannot run in pool 'async'"),
        ("process", lambda: None, "top of a module"),
        ("process", named("inner"), "top of a module"),
        ("gpu", nothing, "pool 'gpu' is unknown"),
    ],
)
def test_a_function_that_does_not_fit_its_pool_is_refused(app: App, pool: Any, fn: Any, words: str) -> None:
    with pytest.raises(TaskDeclarationError, match=words):
        app.task(pool=pool, name="it")(fn)


def test_a_name_is_given_once(app: App) -> None:
    app.task(nothing)
    with pytest.raises(TaskDeclarationError, match=rf"the name 'nothing' is taken by {__name__}.nothing"):
        app.task(name="nothing")(without_ctx)


def later(value: Later) -> Later:
    return value


def never(value: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821 - the name that is missing


def ctx_for_checkers_only(ctx: OtherCtx) -> None: ...  # type: ignore[name-defined]  # noqa: F821 - as under TYPE_CHECKING


def test_a_type_may_be_defined_further_down(app: App) -> None:
    # Given a task whose annotation is not defined when it is declared
    earlier = globals().pop("Later")
    task = app.task(later)
    # When it is there at the first call
    globals()["Later"] = earlier
    # Then the call is checked against it
    assert task.call(Later(n=1)).job.args == b'{"value":{"n":1}}'
    with pytest.raises(ArgumentError, match="argument 'value'"):
        task.call(3)  # type: ignore[arg-type]


def test_a_type_that_stays_undefined_is_refused_at_the_first_call(app: App) -> None:
    task: Any = app.task(never)
    with pytest.raises(TaskDeclarationError, match="Nowhere"):
        task.call(3)


def test_a_ctx_that_only_checkers_see_is_refused(app: App) -> None:
    with pytest.raises(TaskDeclarationError, match="exactly Ctx"):
        app.task(ctx_for_checkers_only)


class Later(msgspec.Struct):
    n: int


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"queue": "a b"}, "queue: 'a b'"),
        ({"queue": ""}, "queue: ''"),
        ({"queue": "x" * 129}, "queue: "),
        ({"queue": "\u00e9"}, "queue: "),
        ({"priority": 101}, "priority: 101"),
        ({"priority": -1}, "priority: -1"),
        ({"priority": "urgent"}, "priority: 'urgent'"),
        ({"priority": True}, "priority: True"),
        ({"timeout": 0}, "timeout: it must be above zero"),
        ({"timeout": "soon"}, "timeout: 'soon'"),
        ({"retry": 3}, "retry: 3"),
        ({"keep": -1}, "keep: -1"),
        ({"keep": {"done": 1}}, "keep: 'done'"),
        ({"keep": {"failed": "x"}}, r"keep\['failed'\]: 'x'"),
        ({"tags": "abc"}, "tags: 'abc'"),
        ({"tags": [""]}, "tags: ''"),
        ({"tags": [str(n) for n in range(33)]}, "tags: 33"),
    ],
)
def test_a_bad_option_is_refused_with_its_name(app: App, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        app.task(**options)(nothing)
    with pytest.raises(ConfigError, match=words):
        app.task(name="other")(nothing).opts(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "no spaces"}, "task name: 'no spaces'"),
        ({"lease": 0}, "lease: it must be above zero"),
        ({"max_payload": 0}, "max_payload: 0"),
        ({"max_payload": 1 << 40}, "max_payload: "),
    ],
)
def test_a_bad_option_of_a_declaration_is_refused(app: App, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        app.task(**options)(nothing)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delay": -1}, "delay: -1"),
        ({"delay": 5, "run_at": datetime(2030, 1, 1, tzinfo=UTC)}, "delay=, run_at="),
        ({"run_at": datetime(2030, 1, 1)}, "run_at: .*time zone"),
        ({"key": ""}, "key: ''"),
        ({"key": "\ud800"}, "key: "),
        ({"key": "x" * 513}, "key: "),
        ({"owner": "\0"}, "owner: "),
        ({"tenant": 3}, "tenant: 3"),
        ({"wait": "x"}, "wait: 'x'"),
        ({"cancel_on_timeout": True}, "needs wait="),
    ],
)
def test_a_bad_option_of_a_call_is_refused(app: App, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        app.task(nothing).opts(**options)


def test_clashing_options_are_found_over_several_steps(app: App) -> None:
    with pytest.raises(ConfigError, match="delay=, run_at="):
        app.task(nothing).opts(delay=5).opts(run_at=datetime(2030, 1, 1, tzinfo=UTC))
    app.task(name="other")(nothing).opts(wait=3).opts(cancel_on_timeout=True)


@pytest.mark.parametrize(
    ("retry", "rule"),
    [
        (Retry(), RetryRule()),
        (
            Retry(on=("OSError", "shop.errors.Busy", ConfigError)),
            RetryRule(on=("builtins.OSError", "shop.errors.Busy", "abaca.errors.ConfigError")),
        ),
        (Retry(backoff="none"), RetryRule(backoff=Delays())),
        (Retry(backoff="fixed"), RetryRule(backoff=Fixed())),
        (Retry(backoff=Exponential(base=1, cap=9)), RetryRule(backoff=Exponential(base=1, cap=9))),
        (Retry(backoff=[1, "5s", timedelta(minutes=1)]), RetryRule(backoff=Delays(seconds=(1.0, 5.0, 60.0)))),
    ],
)
def test_a_retry_becomes_a_rule(retry: Retry, rule: RetryRule) -> None:
    assert retry.rule() == rule


def test_a_retry_that_says_what_holds_anyway_costs_nothing(app: App) -> None:
    assert app.task(retry=Retry())(nothing).call().job.retry is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_attempts": 0}, "max_attempts=0"),
        ({"max_attempts": 2.5}, "max_attempts=2.5"),
        ({"max_attempts": True}, "max_attempts=True"),
        ({"on": OSError}, "give a sequence"),
        ({"on": "OSError"}, "give a sequence"),
        ({"on": (int,)}, "neither an exception class"),
        ({"backoff": "slowly"}, "backoff='slowly'"),
        ({"backoff": 5}, "backoff=5"),
        ({"backoff": [-1]}, r"backoff=\[\.\.\.\]"),
        ({"backoff": Exponential(base=-1)}, "base must be finite and not negative"),
        ({"backoff": Exponential(cap=float("inf"))}, "cap must be finite"),
    ],
)
def test_a_retry_that_cannot_be_used_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Retry(**options)


@pytest.mark.parametrize("url", ["abaca.db", "", "sqlite", "://x"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="store URL"):
        App(url)


@pytest.mark.parametrize(("url", "words"), [("mysql://x", "'mysql' is unknown"), ("postgresql://x", "later work")])
async def test_a_store_that_is_not_there_is_refused_at_first_use(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        await App(url).task(nothing).enqueue()


def test_the_url_comes_from_the_environment_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ABACA_URL", raising=False)
    assert App().url == "sqlite:///abaca.db"
    monkeypatch.setenv("ABACA_URL", "memory://")
    assert App().url == "memory://"
    assert App("redis://h").url == "redis://h"
    monkeypatch.setenv("ABACA_URL", "nonsense")
    with pytest.raises(ConfigError, match="ABACA_URL: 'nonsense'"):
        App()


async def test_retention_comes_from_the_settings_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a setting for completed jobs
    monkeypatch.setenv("ABACA_KEEP_COMPLETED", "2h")
    # When one app leaves retention to the settings and another gives its own
    from_settings = App("memory://").task(nothing).call().job.keep
    given = App("memory://", keep="3h").task(nothing).call().job.keep
    # Then each job carries what applies to it
    assert from_settings is not None
    assert from_settings.completed_ms == 7_200_000
    assert given is not None
    assert given.completed_ms == 10_800_000


@pytest.mark.parametrize("options", [{"max_payload": 0}, {"poll_interval": 0}, {"keep": "x"}, {"name": "a b"}])
def test_a_bad_setting_of_the_app_is_refused_with_its_name(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        App("memory://", **options)
