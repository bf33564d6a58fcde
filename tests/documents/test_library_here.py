"""The library as users have it: real parsers in their sandbox, a real chunker, a real model, one SQLite file."""

from __future__ import annotations

from pathlib import Path

import pytest

from abaca import App
from abaca_documents.library import Library
from abaca_documents.model import DocumentStatus, SearchRequest
from abaca_documents.plugin import PLUGIN
from tests.documents_search.models import needs_minilm
from tests.documents_search.test_confined import needs_sandbox

GARDEN = "# The garden\n\nRoses want sun and much water. Cut them back in spring, above a bud that looks outwards.\n"
HARBOUR = "<html><title>The harbour</title><body><p>Ships that arrive by night wait for the pilot.</p></body></html>"


@needs_minilm
@needs_sandbox
@pytest.mark.timeout(120)
async def test_what_was_added_is_found_by_its_meaning_and_is_not_once_it_was_deleted(tmp_path: Path) -> None:
    # Given two documents, of a kind that is read here and of one that is read in the sandbox
    tmp_path.joinpath("garden.md").write_text(GARDEN)
    tmp_path.joinpath("harbour.html").write_text(HARBOUR)
    app = App(f"sqlite:///{tmp_path / 'jobs.db'}", plugins=[PLUGIN])
    library = Library.of(app)
    async with app, app.worker(queues=PLUGIN.queues):
        for name in ("garden.md", "harbour.html"):
            added = await library.add(tmp_path / name)
            assert added.job is not None
            await added.job.result(timeout=90)
            assert (await library.documents.get(added.document.id)).status is DocumentStatus.COMPLETED
        # When somebody asks in other words than theirs
        ask = SearchRequest(query="when do I prune flowers?", collection="default", top_k=1)
        (best,) = (await library.search(ask)).results
        # Then the one that answers comes first
        assert best.filename == "garden.md"
        # And is gone with its document
        await library.delete(best.document_id)
        assert [hit.filename for hit in (await library.search(ask)).results] == ["harbour.html"]
