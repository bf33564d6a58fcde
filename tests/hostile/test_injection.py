"""Nothing that a job brings steers a terminal, passes for a line of ours, or is taken for a format. RELIABILITY H8."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from abaca.backends import open_backend
from abaca.codec import new_id
from abaca.model import Card, ErrorInfo, Job, Kind, Lease, NewJob, NewUpdate, Settle, State, Transition, Want
from tests.command import Run, running

FAKE = "2026-01-01 ERROR fake"
EVIL = f"x\r\n{FAKE}\x1b[31m\x07\x9b2J\u202egnp\u2028%s%n{{0.__class__}}\x00\x7f"
STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
LEASE = Lease(worker=EVIL, ms=60_000)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    return running(capsys)


@dataclass(frozen=True)
class Poisoned:
    """A store in which every text is hostile: one job that failed, one that waits, one whose payloads are no JSON."""

    url: str
    failed: str
    waiting: str
    broken: str


def new(args: bytes) -> NewJob:
    return NewJob(id=new_id(), task=EVIL, queue=EVIL, lane=EVIL, args=args, key=EVIL, tags=(EVIL,), owner=EVIL)


async def poison(url: str) -> Poisoned:
    """Written past the face, which would refuse most of it."""
    store = open_backend(url)
    await store.open()
    evil_json = json.dumps({EVIL: EVIL}, ensure_ascii=False).encode()
    failed, waiting = new(evil_json), new(evil_json)
    broken = NewJob(id=new_id(), task="t", queue="q", args=b'{"a": \x1b[31m\x9b' + FAKE.encode())
    await store.insert([failed])
    job = await one(url, EVIL, EVIL)
    reports = [(Kind.LOG, evil_json), (Kind.PROGRESS, evil_json), (Kind.LOG, b'\x1b[31m"\n' + FAKE.encode())]
    await store.append(
        [
            NewUpdate(id=job.id, epoch=1, seq=seq, kind=kind, data=data)
            for seq, (kind, data) in enumerate(reports, start=1)
        ]
    )
    error = ErrorInfo(type=EVIL, message=EVIL, traceback=f"Traceback:\n  {EVIL}\n{EVIL}", kinds=(EVIL,), attempt=1)
    to = Transition(target=State.FAILED, attempts=1, error=error, keep_ms=60_000)
    await store.exchange([Settle(id=job.id, epoch=1, to=to)], None, LEASE)
    await store.insert([waiting, broken])
    done = await one(url, "q", "")
    broke = Transition(target=State.COMPLETED, attempts=1, result=b"\x1b[2Jno json\n" + FAKE.encode(), keep_ms=60_000)
    await store.exchange([Settle(id=done.id, epoch=1, to=broke)], None, LEASE)
    card = Card(id=EVIL, name=EVIL, host=EVIL, queues=(EVIL,), tasks=(EVIL,), running=(EVIL,))
    await store.beat(card, [], LEASE)
    await store.close()
    return Poisoned(url, failed.id, waiting.id, broken.id)


async def one(url: str, queue: str, lane: str) -> Job:
    store = open_backend(url)
    await store.open()
    got = await store.exchange([], Want(queues=(queue,), slots={lane: 1}), LEASE)
    await store.close()
    return got.jobs[0]


@pytest.fixture
def poisoned(sqlite_url: str) -> Poisoned:
    return asyncio.run(poison(sqlite_url))


COMMANDS = [
    ("jobs",),
    ("jobs", "--text", EVIL[:3]),
    ("jobs", "show", "FAILED"),
    ("jobs", "show", "WAITING"),
    ("jobs", "show", "BROKEN"),
    ("jobs", "updates", "FAILED"),
    ("jobs", "result", "FAILED"),
    ("jobs", "result", "BROKEN"),
    ("jobs", "wait", "FAILED"),
    ("jobs", "requeue", "FAILED"),
    ("jobs", "cancel", "WAITING"),
    ("jobs", "--task", EVIL),
    ("jobs", "--status", EVIL),
    ("jobs", "show", EVIL),
    ("enqueue", EVIL),
    ("enqueue", "t", EVIL),
    ("enqueue", "t", "--queue", EVIL),
    ("queues",),
    ("workers",),
    ("config",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(word[:8] for word in command))
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_no_command_prints_what_steers_a_terminal(
    run: Run, poisoned: Poisoned, command: tuple[str, ...], as_json: bool
) -> None:
    # Given a store full of hostile text, when a command shows it
    ids = {"FAILED": poisoned.failed, "WAITING": poisoned.waiting, "BROKEN": poisoned.broken}
    words = [ids.get(word, word) for word in command]
    answer = run("--url", poisoned.url, *(["--json"] if as_json else []), *words)
    # Then the terminal gets plain text, no line of it is the job's, and no format was filled in
    for text in (answer.out, answer.err):
        assert not STEERING.search(text), STEERING.findall(text)
        assert not [line for line in text.splitlines() if line.startswith(FAKE)]
        assert "<class" not in text
    assert answer.status in (0, 1, 2)
    if as_json and answer.out and command[:2] != ("jobs", "updates"):
        json.loads(answer.out)
    if as_json and command[:2] == ("jobs", "updates"):
        lines = [json.loads(line) for line in answer.out.splitlines()]
        assert {EVIL: EVIL} in [line["data"] for line in lines]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"n": 1, "n": 2}', "'n' is there twice"),
        ('{"n": {"a": 1, "a": 1}}', "'a' is there twice"),
        ('{"n": NaN}', "ARGS"),
        ('{"n": 1e400}', "ARGS"),
        ('{"n": "\\ud800"}', "ARGS"),
        ("[" * 100_000, "ARGS"),
        ('{"n": ' * 100_000, "ARGS"),
        ('{"n": ' + "1" * 5000 + "}", "ARGS"),
        ("", "ARGS"),
        ("[1]", "ARGS"),
    ],
    ids=range(10),
)
def test_arguments_on_the_command_line_are_exact_or_refused(
    run: Run, sqlite_url: str, text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = run("--url", sqlite_url, "enqueue", "t", text, "--pool", "async")
    assert answer.status == 2
    assert words in answer.err
    assert "JSON object of the arguments by name" in answer.err
    assert len(answer.err) < 1_000
    assert run("--url", sqlite_url, "jobs").out in ("no jobs\n", "")


LOGS = """
import sys
from abaca.logs import configure_logs, worker_log
evil = sys.argv[2].encode().decode("unicode_escape")
configure_logs(sys.argv[1])
log = worker_log()
log.info(evil, task=evil, error=repr(ValueError(evil)), pair=(evil, 1), **{evil: 7})
try:
    raise ValueError(evil)
except ValueError:
    log.error("stopped", exc_info=True)
"""


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_log_line_is_one_line_whatever_it_tells(style: str) -> None:
    # Given names and messages that would begin a line of their own or switch the terminal's colours
    evil = EVIL.encode("unicode_escape").decode()
    # When a worker's log has them
    done = subprocess.run(
        [sys.executable, "-c", LOGS, style, evil], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60
    )
    text = done.stderr.decode()
    # Then each entry begins with the time, a traceback is indented, and the text is there in escapes
    assert not STEERING.search(text.replace("\n", "")), text
    lines = text.splitlines()
    entries = [line for line in lines if not line.startswith("    ")]
    assert len(entries) == 2
    assert not [line for line in lines if line.startswith(FAKE)]
    assert "%s%n{0.__class__}" in text
    if style == "json":
        first, second = map(json.loads, lines)
        assert first["task"] == first["event"] == EVIL
        assert EVIL in second["exception"]
