"""The pytest plugin of Abaca: the fixture ``abaca``. It lies outside the package, so that a test run that does not use
it imports nothing of Abaca.

A project says which app is meant, once, in its pytest settings (``abaca_app = "shop.jobs:app"``) or by a fixture of its
own named ``abaca_app``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from abaca import App
    from abaca.testing import Harness


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("abaca_app", "The app whose jobs the fixture `abaca` keeps in memory, as module:attribute.")


@pytest.fixture
def abaca_app(request: pytest.FixtureRequest) -> App:
    """The app under test. Override it, or name the app in the setting ``abaca_app``."""
    from abaca.worker.loading import load_app  # noqa: PLC0415 - test runs without it go without

    reference: str = request.config.getini("abaca_app")
    if not reference:
        raise pytest.UsageError(
            'the fixture `abaca` needs an app: set abaca_app = "module:attribute" in the pytest settings, '
            "or write a fixture named abaca_app that returns it"
        )
    app: App = load_app(reference)
    return app


@pytest.fixture
def abaca(abaca_app: App) -> Iterator[Harness]:
    """The app under test with its jobs in memory: ``drain()``, ``enqueued(task)``, ``clock.advance("1h")``."""
    from abaca.testing import harness  # noqa: PLC0415 - test runs without it go without

    with harness(abaca_app) as bench:
        yield bench
