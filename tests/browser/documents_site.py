"""A site with documents aboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from abaca import App
from abaca_documents.plugin import PLUGIN
from tests.browser.site import Site


@contextmanager
def site_of_documents() -> Iterator[Site]:
    """One whose collections have the static embedder where they name none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ABACA_DOCUMENTS_EMBEDDER", "static")
        site = Site(App("memory://", plugins=[PLUGIN], poll_interval=0.1))
        site.start()
        yield site
        site.stop()
