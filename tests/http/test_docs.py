"""Every command of docs/http.md and of the README's first steps, run as a reader runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.http.served import Served, running, typed, wait_for

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "@@@ block"

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")


def shape(value: Any) -> Any:
    """What a reader takes from an example: names, and values of a kind."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return type(value).__name__


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("page", "worker"),
    [("docs/http.md", "tasks:app"), ("README.md", "jobs:app --queues reports")],
    ids=["http", "README"],
)
def test_the_page_says_what_happens(tmp_path: Path, page: str, worker: str) -> None:
    # Given
    blocks = BLOCK.findall((ROOT / page).read_text())
    tasks = next(text for kind, text in blocks if kind == "python")
    (tmp_path / f"{worker.partition(':')[0]}.py").write_text(tasks)
    environ = {
        **os.environ,
        "ABACA_URL": f"sqlite:///{tmp_path}/page.db",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    commands = [number for number, (kind, _) in enumerate(blocks) if kind == "sh"]
    with running(tmp_path, environ, "worker", *worker.split()), Served(tmp_path, environ) as served:
        wait_for(lambda: b'"status":"ok"' in served.get("/health"))
        script = "\n".join(f"echo '{MARK}'\n{blocks[number][1]}" for number in commands)
        script = script.replace("http://127.0.0.1:8000", served.url)
        # When
        printed = typed(script, tmp_path, environ, 180)
    # Then
    answers = printed.split(f"{MARK}\n")[1:]
    assert len(answers) == len(commands) >= (2 if page == "README.md" else 9)
    for number, answer in zip(commands, answers, strict=True):
        kind, expected = blocks[number + 1] if number + 1 < len(blocks) else ("", "")
        if kind == "text":
            assert answer == expected
        elif kind == "json":
            assert shape(json.loads(answer)) == shape(json.loads(expected)), answer
