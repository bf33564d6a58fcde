"""The service as operators run it: set up by the environment alone, tried by hand, and restarted."""

from __future__ import annotations

import json
import os
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.compile_service.ground import YARD
from tests.compile_service.machine import BAD, GOOD
from tests.http.served import Served, wait_for
from tests.integration.conftest import shared_url
from tests.integration.crew import WorkerProcess

__all__ = ["shared_url"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]
SOURCES_FIELDS = {"job_id", "success", "compiled", "stdout", "stderr", "exit_code", "duration"}
"""What the system that this one takes the place of answers."""


def post(service: Served, body: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps(body).encode()
    request = urllib.request.Request(
        f"{service.url}/api/v1/compile", data, {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 202
        said: dict[str, Any] = json.load(answer)
    return said


def get(service: Served, path: str) -> Any:
    return json.loads(service.get(f"/api/v1{path}", timeout=60) or "null")


def test_the_service_keeps_its_answers_over_a_restart_of_everything(shared_url: str, tmp_path: Path) -> None:
    # Given a service and a worker that are told of their store, and of limits, by variables
    environ = {**os.environ, "ABACA_URL": shared_url, "ABACA_COMPILE_WALL": "25"}
    worker = WorkerProcess(shared_url, YARD, queues="compile")
    try:
        with Served(tmp_path, environ) as service:
            wait_for(lambda: bool(get(service, "/environments")["items"]))
            (one, *_) = get(service, "/environments?language=c")["items"]
            # When the requests of the source's clients come, in both of their forms
            good = post(service, {"source_code": GOOD, "language": "c", "compiler": one["compiler"]})
            bad = post(service, {"code": b64encode(BAD.encode()).decode(), "language": "c", "standard": "c11"})
            assert good["status"] in ("queued", "processing")
            verdicts = [get(service, f"/compile/{each['job_id']}?wait=50") for each in (good, bad)]
            # Then they have the answer's fields, and statuses that mean what they meant
            for verdict in verdicts:
                assert verdict.keys() >= SOURCES_FIELDS
            assert [verdict["status"] for verdict in verdicts] == ["completed", "failed"]
            assert [verdict["compiled"] for verdict in verdicts] == [True, False]
        assert worker.stop() == 0
        # When both are started anew
        worker = WorkerProcess(shared_url, YARD, queues="compile")
        with Served(tmp_path, environ) as service:
            # Then what was answered is there
            again = [get(service, f"/compile/{each['job_id']}") for each in (good, bad)]
            assert again == verdicts
            # And it answers whoever asks the same
            third = post(service, {"source_code": GOOD, "language": "c"})
            assert get(service, f"/compile/{third['job_id']}?wait=50")["cache"]["hit"] is True
    finally:
        worker.kill()
