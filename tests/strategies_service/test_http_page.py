"""The walk over HTTP that the page of strategies shows, run as a reader runs it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.http.served import Served, running, typed, wait_for

PAGE = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text()
SECTION = PAGE.partition("\n## HTTP\n")[2].partition("\n## ")[0]


@pytest.mark.timeout(150)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_the_walk_prints_what_the_page_shows(prepared: None, tmp_path: Path) -> None:
    # Given a service and a worker
    _, script = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", SECTION, re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "ABACA_URL": f"sqlite:///{tmp_path}/jobs.db", "PATH": path}
    worker = running(tmp_path, environ, "worker", "--queues", "strategies")
    with worker, Served(tmp_path, environ) as served:
        wait_for(lambda: b'"status":"ok"' in served.get("/health"))
        # When the commands of the page are run
        printed = typed(script.replace("http://127.0.0.1:8000", served.url), tmp_path, environ, 100)
    # Then they print that
    assert printed == shown
