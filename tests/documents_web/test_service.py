"""The service as operators run it: processes of its own, large files, and the source's client."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from abaca import App
from abaca_documents.plugin import PLUGIN
from tests.documents_search.models import needs_static
from tests.documents_web.calling import GARDEN
from tests.http.harness import serving
from tests.http.served import Served, running
from tests.integration.conftest import shared_url

__all__ = ["shared_url"]

pytestmark = [needs_static, pytest.mark.slow, pytest.mark.timeout(150)]
LARGE = 200_000_000
ROOM = 100_000_000
"""Bytes of memory that an upload of twice as many may take more."""


def environ(url: str, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "ABACA_URL": url,
        "ABACA_DOCUMENTS_EMBEDDER": "static",
        "ABACA_DOCUMENTS_MAX_FILE": str(2 * LARGE),
        "ABACA_DOCUMENTS_VECTORS": f"sqlite:///{folder}/library.db",
        "ABACA_DOCUMENTS_BLOBS": f"file://{folder}/blobs",
    }


def peak(process: int) -> int:
    """The most memory that a process ever had, in bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def test_the_sources_client_uploads_follows_and_searches(shared_url: str, tmp_path: Path) -> None:
    variables = environ(shared_url, tmp_path)
    with (
        running(tmp_path, variables, "worker", "--queues", "documents"),
        Served(tmp_path, variables) as service,
        httpx.Client(base_url=f"{service.url}/api/v1", timeout=70) as client,
    ):
        # When a file is uploaded as the source's client does, and waited for
        answer = client.post("/documents/upload", files={"file": ("garden.md", GARDEN)}, data={"collection": "books"})
        # Then it was taken in by the other process
        assert (answer.status_code, answer.json()["status"]) == (201, "completed"), answer.text
        # When another is not waited for
        later = client.post(
            "/documents/upload",
            files={"file": ("ships.md", "Ships wait for the pilot.")},
            data={"collection": "books", "async": "true"},
        )
        # Then its events come until it has ended
        with client.stream("GET", f"/jobs/{later.json()['job_id']}/events") as stream:
            events = "".join(stream.iter_text())
        assert '"stage":"done"' in events
        status = client.get(f"/documents/{later.json()['document_id']}/status").json()
        assert (status["status"], status["progress"]) == ("completed", 100.0)
        # And both are found
        found = client.post("/search", json={"query": "when do ships wait", "collection": "books"}).json()
        assert [each["filename"] for each in found["results"]] == ["ships.md", "garden.md"]
        assert client.get(f"/documents/{answer.json()['document_id']}/content").text == GARDEN


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc here")
def test_a_large_file_goes_to_the_disk_and_never_whole_into_memory(tmp_path: Path) -> None:
    variables = environ(f"sqlite:///{tmp_path}/jobs.db", tmp_path)
    large = tmp_path / "large.txt"
    with large.open("wb") as made:
        made.truncate(LARGE)
        made.write(b"text ")
    with Served(tmp_path, variables) as service, httpx.Client(base_url=service.url, timeout=120) as client:
        client.post("/api/v1/documents", files={"file": ("a.txt", b"text")}, data={"async": "true"})
        before = peak(service.process.pid)
        # When a file comes that is larger than the room there is
        with large.open("rb") as opened:
            answer = client.post("/api/v1/documents", files={"file": ("large.txt", opened)}, data={"async": "true"})
        # Then it is stored
        assert answer.status_code == 202, answer.text
        path = f"/api/v1/documents/{answer.json()['document_id']}/content"
        with client.stream("GET", path) as sent:
            assert sum(len(piece) for piece in sent.iter_raw()) == LARGE
        # And the service never had it in memory
        assert peak(service.process.pid) - before < ROOM


async def test_a_place_that_cannot_be_used_is_the_services_fault_and_says_which_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a service whose place of vectors is none
    monkeypatch.setenv("ABACA_VECTORS_URL", "http://elsewhere")
    async with serving(App(f"sqlite:///{tmp_path}/jobs.db", plugins=[PLUGIN])) as api:
        # When somebody uploads, or looks
        for answer in (
            await api.post("/documents", json={"filename": "a.txt", "text": "roses"}),
            await api.get("/documents"),
            await api.get("/search?q=roses"),
        ):
            # Then it is not for them to mend, and the operator reads what to set
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "documents_not_set_up"
            assert "documents.vectors" in answer.json()["error"]["message"]
