"""What /metrics says of an app that has worked, and that the dashboard and the alerts ask for nothing else."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from abaca import Abort, App, Retry, Snooze
from abaca.backends.memory import MemoryBackend
from abaca.measures import OTHER, OUTCOMES, Measures
from abaca.observe.exposition import Exposition
from tests.observe.making import Ground, count

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "abaca.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
_METRIC = re.compile(r"\b(abaca_[a-z_]+)(\{[^}]*\})?")
_MATCHER = re.compile(r'(\w+)(=~|!=|!~|=)"([^"]*)"')

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def families(text: bytes) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text.decode())}


def samples(text: bytes) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families(text).values()
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


async def worked_through() -> bytes:
    """The metrics of an app whose jobs have ended in every way that takes no time."""
    app = App(backend=MemoryBackend())
    calls: list[int] = []

    @app.task
    async def good() -> None: ...

    @app.task(retry=Retry(max_attempts=2, backoff="none"))
    async def bad() -> None:
        raise OSError("no luck")

    @app.task
    async def hopeless() -> None:
        raise Abort("never")

    @app.task
    async def later() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise Snooze(0)

    async with app, app.worker(beat=0.05, queues=("default", "reports")) as worker:
        jobs = [await task.enqueue() for task in (good, good, bad, hopeless, later)]
        jobs.append(await good.opts(queue="reports").enqueue())
        await good.opts(delay=3600, priority="high").enqueue()
        for job in jobs:
            await job.outcome(timeout=30)
        await worker.stop()
        return await Exposition().text(await app.backend())


@pytest.fixture(scope="module")
def exposition() -> bytes:
    import asyncio

    return asyncio.run(worked_through())


def test_every_end_of_a_run_is_counted_once(exposition: bytes) -> None:
    # Given an app that has worked
    found = samples(exposition)
    # When the counters of its tasks are read
    by_task = {
        task: {
            outcome: count
            for outcome in OUTCOMES
            if (count := value(found, "abaca_jobs_finished_total", queue="default", task=task, outcome=outcome))
        }
        for task in ("good", "bad", "hopeless", "later")
    }
    # Then each run is there with its end
    assert by_task == {
        "good": {"completed": 2},
        "bad": {"retried": 1, "failed": 1},
        "hopeless": {"failed": 1},
        "later": {"snoozed": 1, "completed": 1},
    }
    assert value(found, "abaca_jobs_started_total", queue="default", task="bad") == 2
    assert value(found, "abaca_job_run_seconds_count", queue="default", task="bad") == 2
    assert value(found, "abaca_job_wait_seconds_count", queue="reports", task="good") == 1


def test_the_store_is_there_as_it_is_now(exposition: bytes) -> None:
    # Given an app that has worked, with one job that is due later
    found = samples(exposition)
    # When the gauges are read
    # Then they have what waits, what ended, and what was accepted in all
    assert value(found, "abaca_queue_jobs", queue="default", status="scheduled") == 1
    assert value(found, "abaca_queue_priority_jobs", queue="default", priority="75") == 1
    assert value(found, "abaca_jobs_ended_total", status="completed") == 4
    assert value(found, "abaca_jobs_accepted") == 7
    assert value(found, "abaca_workers", draining="false") == 0
    assert value(found, "abaca_store_call_seconds_count", verb="exchange") > 0
    assert value(found, "abaca_store_errors_total", verb="exchange") == 0


async def test_tasks_beyond_the_bound_are_other_and_stay_there() -> None:
    # Given an exposition with room for two tasks
    ground, measures, exposition = Ground(), Measures(), Exposition(most=2)
    recorder = ground.recorder(measures)
    for task in ("m", "n"):
        count(measures, 1, task=task)
    await recorder.record()
    await exposition.text(ground.backend)
    # When others come, though their names are first
    for task in ("a", "b", "m"):
        count(measures, 1, task=task)
    await recorder.record()
    found = samples(await exposition.text(ground.backend))
    # Then the first keep their labels, and the others are counted together
    finished = {
        dict(labels)["task"]: count
        for (name, labels), count in found.items()
        if name == "abaca_jobs_finished_total" and dict(labels)["outcome"] == "completed"
    }
    assert finished == {"m": 2, "n": 1, OTHER: 2}


async def test_counters_never_fall_while_workers_come_and_go_and_rows_expire() -> None:
    # Given scrapes over four days in which each worker lives for hours and then dies or leaves
    ground, exposition = Ground(), Exposition()
    before: Samples = {}
    folder = ground.folder()
    for life in range(24):
        measures = Measures()
        recorder = ground.recorder(measures, f"worker{life}")
        for _ in range(4):
            count(measures, 1)
            await recorder.record()
            ground.pass_time(3600)
            await folder.fold()
            now = samples(await exposition.text(ground.backend))
            # When a scrape is compared with the one before
            # Then no counter has fallen
            fallen = {
                key: (before[key], now.get(key))
                for key in before
                if key[0].endswith(("_total", "_count", "_sum", "_bucket")) and now.get(key, 0.0) < before[key]
            }
            assert fallen == {}
            before = now
        await recorder.record(last=life % 2 == 0)
    assert value(before, "abaca_jobs_finished_total", queue="default", task="render", outcome="completed") == 96


@cache
def dashboard_expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@cache
def rules() -> list[dict[str, Any]]:
    yaml: Any = importlib.import_module("yaml")
    document = yaml.safe_load(ALERTS.read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def known(exposition: bytes) -> dict[str, tuple[set[str], dict[str, set[str]]]]:
    """By the name of a series: the labels that it may have, and their values here."""
    found: dict[str, tuple[set[str], dict[str, set[str]]]] = {}
    for family in families(exposition).values():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        for suffix in suffixes:
            found[family.name + suffix] = (set(), {})
        for sample in family.samples:
            names, values = found.setdefault(sample.name, (set(), {}))
            names.update(sample.labels)
            for label, text in sample.labels.items():
                values.setdefault(label, set()).add(text)
    return found


CLOSED = {"outcome": set(OUTCOMES), "status": {"queued", "scheduled", "blocked"}, "draining": {"true", "false"}}


def test_dashboard_and_alerts_use_metrics_that_exist(exposition: bytes) -> None:
    # Given what is exposed, and what is asked for
    exposed = known(exposition)
    asked = [*dashboard_expressions(), *(rule["expr"] for rule in rules())]
    assert len(asked) > 25
    # When each series is looked up
    for expression in asked:
        for name, matchers in _METRIC.findall(expression):
            # Then it exists, with the labels and the values by which it is chosen
            assert name in exposed, f"{name} in {expression}"
            labels, values = exposed[name]
            for label, operator, text in _MATCHER.findall(matchers):
                assert not labels or label in labels, f"{label} of {name} in {expression}"
                if text != "$queue" and operator in ("=", "=~"):
                    wanted = set(text.split("|"))
                    assert wanted <= CLOSED.get(label, values.get(label, set())), f"{text} in {expression}"


def test_every_family_is_on_the_dashboard_or_in_an_alert(exposition: bytes) -> None:
    # Given all families and all that dashboard and alerts ask for
    text = "\n".join([*dashboard_expressions(), *(rule["expr"] for rule in rules())])
    # When they are compared
    unused = {name for name in families(exposition) if name not in text}
    # Then none is left
    assert not unused


def test_each_alert_says_what_to_do_in_the_documentation() -> None:
    # Given the alerts
    page = (ROOT / "docs" / "observability.md").read_text()
    # When their runbooks are followed
    for rule in rules():
        # Then the page has a section for each
        assert rule["annotations"]["runbook"] == f"docs/observability.md#{rule['alert'].lower()}"
        assert f"### {rule['alert']}\n" in page


def test_promtool_accepts_rules_and_exposition(exposition: bytes) -> None:
    # Given Prometheus' own checker
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here: it comes with Debian's package prometheus")
    # When it looks at the rules and at what is exposed
    checked_rules = subprocess.run([promtool, "check", "rules", str(ALERTS)], capture_output=True, timeout=60)
    checked = subprocess.run([promtool, "check", "metrics"], input=exposition, capture_output=True, timeout=60)
    # Then it finds nothing to complain of
    assert checked_rules.returncode == 0, checked_rules.stderr.decode()
    assert checked.returncode == 0, (checked.stdout + checked.stderr).decode()
