"""The example runs as its README says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exampled import check_example


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_example_prints_what_its_readme_shows(tmp_path: Path) -> None:
    # Given an empty folder and a fresh store, When the example runs, Then it prints what it should
    store = f"sqlite:///{tmp_path}/jobs.db"
    check_example("documents", tmp_path, ABACA_URL=store, ABACA_DOCUMENTS_EMBEDDER="static")
