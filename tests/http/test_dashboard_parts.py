"""What the pages are made of: the headline, charts, a job's timeline, groups of failures, the picture of a graph."""

from __future__ import annotations

import re

import msgspec
import pytest

from abaca.http.dashboard.charts import Named, bar_plot, line_plot, nice_top
from abaca.http.dashboard.charts.graph import NODE_WIDTH, draw
from abaca.http.dashboard.series import Series, TaskEnds, charts
from abaca.http.dashboard.timeline import parts_of, runs_of
from abaca.http.dashboard.times import ago, span
from abaca.http.dashboard.troubles import Trouble, find_troubles
from abaca.model import Card, ErrorInfo, Job, Kind, NewJob, QueueSettings, QueueStats, State, Stats, Update
from abaca.views.failures import grouped, pattern
from tests.http import filling
from tests.http.browsing import visit
from tests.http.harness import serving

SECOND = 1_000_000
NOW = 10_000 * SECOND
MINUTE = 60 * SECOND
FINE = Card(id="w", name="web", queues=("default",), tasks=("render",), seen_at=NOW - 2 * SECOND)


def queue(name: str = "default", due: int = 1, waits: float = 1.0) -> QueueStats:
    return QueueStats(name=name, due=due, oldest_due_at=round(NOW - waits * SECOND))


def sentence(trouble: Trouble) -> str:
    return " ".join(word for word in (trouble.says_before, trouble.subject, trouble.says) if word)


@pytest.mark.parametrize(
    ("stats", "settings", "tasks", "expected"),
    [
        (Stats(), {}, {}, []),
        (Stats(queues=[queue()], workers=[FINE]), {}, {}, []),
        (Stats(queues=[queue(waits=900)], workers=[FINE]), {}, {}, ["default has waited 15 min"]),
        (Stats(queues=[queue(due=3)]), {}, {}, ["no worker is alive, 3 due, the first for 1.0 s"]),
        (
            Stats(queues=[queue("mail", due=3)], workers=[FINE]),
            {},
            {},
            ["no worker serves mail (3 due, the first for 1.0 s)"],
        ),
        (
            Stats(queues=[queue(waits=900, due=7)], workers=[FINE]),
            {"default": QueueSettings(paused=True)},
            {},
            ["default is paused, 7 due"],
        ),
        (Stats(), {}, {"render": TaskEnds(ended=100, failed=31)}, ["render fails 31 % (31 of 100 runs in 15 min)"]),
        (Stats(), {}, {"render": TaskEnds(ended=100, failed=4), "odd": TaskEnds(ended=2, failed=2)}, []),
        (
            Stats(workers=[Card(id="w", name="gpu", seen_at=NOW - 40 * SECOND)]),
            {},
            {},
            ["worker gpu is silent since 40 s"],
        ),
    ],
)
def test_the_headline_names_what_needs_a_person(
    stats: Stats, settings: dict[str, QueueSettings], tasks: dict[str, TaskEnds], expected: list[str]
) -> None:
    found = find_troubles(msgspec.structs.replace(stats, seen_at=NOW), settings, tasks)
    assert [sentence(trouble) for trouble in found] == expected


def test_a_due_job_whose_task_no_worker_knows_is_named() -> None:
    stats = Stats(queues=[queue()], workers=[FINE], seen_at=NOW)
    found = find_troubles(stats, {}, {}, [Job(spec=NewJob(id="a", task="rendr"))])
    assert [sentence(trouble) for trouble in found] == ["no worker knows rendr"]


async def test_each_word_of_the_headline_leads_to_the_list_that_shows_it() -> None:
    async with serving() as api:
        # Given
        assert "Nothing is wrong." in (await visit(api, "")).text
        await filling.fill(api.app, api.clock, 200, minutes=2)
        # When
        page = await visit(api, "")
        # Then
        (list_of_them,) = [given for given in page.all("div", role="status") if "is-wrong" in given["class"]]
        assert list_of_them
        assert "no worker serves reports" in page.text
        assert page.all("a", href="/ui/jobs?queue=reports&status=queued")


async def test_the_charts_show_what_the_workers_counted() -> None:
    async with serving() as api:
        # Given
        await filling.fill(api.app, api.clock, 300, minutes=5)
        stats = await api.app.stats()
        # When
        page = await visit(api, "")
        queue = await visit(api, "/queues/images")
        # Then
        (bars,) = [
            svg for svg in re.findall(r"<svg.*?</svg>", page.html, re.S) if "completed" in svg and "minute" in svg
        ]
        told = [int(number) for number in re.findall(r"UTC: completed (\d+)", bars)]
        assert len(told) == 60
        assert sum(told) == stats.totals["completed"]
        assert sum(number > 0 for number in told) == 5
        shown = [int(number) for number in re.findall(r"UTC: completed (\d+)", queue.html)]
        assert 0 < sum(shown) < sum(told)


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (1.1, 2), (9.5, 10), (10, 10), (2_510, 3_000), (0.013, 0.02), (99.9, 100)]
)
def test_axes_end_at_round_numbers(most: float, top: float) -> None:
    assert nice_top(most, 0.001 if most < 1 and most else 1) == pytest.approx(top)


def test_bars_stand_on_each_other_and_the_table_says_the_same() -> None:
    # Given
    minutes = [0, MINUTE]
    series = [Named("good", "completed", (6, 0)), Named("bad", "failed", (2, 0))]
    # When
    plot = bar_plot(minutes, series, lambda value: f"{value:g}")
    # Then
    first = plot.bars[0]
    assert [(part.kind, part.y, part.height) for part in first.parts] == [("completed", 25, 75), ("failed", 0, 25)]
    assert first.says == "00:00 UTC: good 6, bad 2"
    assert plot.bars[1].parts == ()
    assert plot.rows == (("00:00", "6", "2"),)
    assert plot.levels == ("8", "4", "0")


def test_a_line_is_broken_where_nothing_is_known() -> None:
    plot = line_plot([at * MINUTE for at in range(5)], [Named("p", "run-half", (1, None, 0.5, 1, None))], str)
    assert plot.lines[0].path == "M0 0H1M2.5 50L3.5 0"
    assert plot.lines[0].latest == "1"


def test_charts_without_numbers_are_empty_and_whole() -> None:
    none = (None,) * 60
    zero = (0.0,) * 60
    series = Series(
        minutes=tuple(at * MINUTE for at in range(60)),
        completed=zero,
        failed=zero,
        retried=zero,
        wait_half=none,
        wait_most=none,
        run_half=none,
        run_most=none,
    )
    assert [chart.plot.is_empty for chart in charts(series)] == [True, True, True]
    assert (series.share, series.per_second) == (0.0, 0.0)


def update(kind: Kind, at: int, attempt: int, data: bytes) -> Update:
    return Update(id=3, kind=kind, at=at * SECOND, attempt=attempt, data=data)


def test_a_jobs_life_is_told_as_runs_and_as_stretches() -> None:
    # Given: it waited 10 s, failed after 5 s, paused 5 s, and runs for 20 s
    job = Job(
        spec=NewJob(id="a", task="t"),
        state=State.RUNNING,
        attempts=1,
        created_at=0,
        started_at=10 * SECOND,
        claimed_at=20 * SECOND,
        seen_at=40 * SECOND,
    )
    updates = [
        update(Kind.STATUS, 0, 0, b'"queued"'),
        update(Kind.STATUS, 10, 1, b'"running"'),
        update(Kind.LOG, 12, 1, b"{}"),
        update(Kind.ERROR, 15, 1, b'{"type": "OSError"}'),
        update(Kind.LOG, 22, 2, b"{}"),
    ]
    # When
    runs = runs_of(job, updates)
    parts = parts_of(job, runs)
    # Then
    assert [(run.attempt, run.outcome, run.seconds) for run in runs] == [(1, "retried", 5.0), (2, "running", None)]
    assert [(part.kind, part.x, part.width) for part in parts] == [
        ("queued", 0, 25),
        ("failed", 25, 12.5),
        ("retrying", 37.5, 12.5),
        ("running", 50, 50),
    ]


def test_failures_are_equal_but_for_what_varies() -> None:
    # Given
    messages = ["no page 7 of doc 0x7f3a", "no page 12 of doc 0x9999", "no font\nmore"]
    assert pattern(messages[0]) == pattern(messages[1]) == "no page # of doc #"
    jobs = [
        Job(spec=NewJob(id=str(at), task="t"), error=ErrorInfo(type="E", message=message), ended_at=at)
        for at, message in enumerate(messages)
    ]
    # When
    groups = grouped([*jobs, Job(spec=NewJob(id="9", task="other"), error=ErrorInfo(type="E", message="no font"))])
    # Then
    assert [(group.task, len(group.jobs), group.message) for group in groups] == [
        ("t", 2, "no page 12 of doc 0x9999"),
        ("t", 1, "no font"),
        ("other", 1, "no font"),
    ]


def test_a_graph_goes_from_left_to_right_and_nothing_overlaps() -> None:
    # Given: a diamond with a long way round, and an edge from outside
    edges = {("a", "b"): "x", ("a", "c"): "x", ("b", "d"): "x", ("c", "e"): "x", ("e", "d"): "x", ("gone", "b"): "x"}
    # When
    picture = draw(["d", "e", "c", "b", "a"], edges)
    # Then
    place = {node.id: (node.x, node.y) for node in picture.nodes}
    assert len(picture.edges) == 5
    assert all(place[edge.start][0] + NODE_WIDTH < place[edge.end][0] for edge in picture.edges)
    assert abs(place["b"][1] - place["c"][1]) >= picture.node_height
    assert all(0 <= x <= picture.width - NODE_WIDTH and 0 <= y <= picture.height for x, y in place.values())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0004, "0 ms"),
        (0.25, "250 ms"),
        (3.21, "3.2 s"),
        (59.9, "59 s"),
        (61, "1 min"),
        (7300, "2 h"),
        (200_000, "2 d"),
    ],
)
def test_lengths_have_the_digits_that_matter(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "now"), (5.7, "5 s ago"), (-5.7, "in 5 s"), (75, "1 min ago"), (-7300, "in 2 h")]
)
def test_times_are_told_from_now(seconds: float, text: str) -> None:
    assert ago(round(NOW - seconds * SECOND), NOW) == text
