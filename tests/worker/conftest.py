from __future__ import annotations

import pytest

from tests.worker.harness import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()
