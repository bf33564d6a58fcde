"""A real corpus through a bulk import by a real worker: every document has its end, and the stores agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from abaca_documents.model import DocumentStatus, ItemOutcome, SearchMode, SearchRequest
from tests.documents_proof.agreement import disagreements, documents
from tests.documents_proof.corpus import ALL, build
from tests.documents_proof.ground import NAME, Ground, items, part
from tests.documents_search.models import needs_static

LONG = 500


@needs_static
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_real_corpus_is_taken_in_once_and_its_stores_agree(here: Ground, tmp_path: Path) -> None:
    # Given files of every kind that packages of this machine carry, and some that cannot be read
    corpus = build(tmp_path / "corpus", part(ALL))
    worker = here.worker()
    # When they are imported
    handle = await here.imported(corpus.folder)
    result = await handle.result(timeout=LONG)
    outcomes = await items(handle)
    # Then each file has its outcome, and each that failed a reason
    assert [each.name for each in outcomes] == sorted(corpus.names)
    assert result.total == len(corpus.names) == result.completed + result.deduplicated + result.failed
    failed = {each.name: each.error for each in outcomes if each.outcome is ItemOutcome.FAILED}
    assert set(corpus.bad) <= set(failed)
    assert all(failed.values())
    assert len(failed) <= len(corpus.bad) + 0.02 * len(corpus.names), failed
    # And so has each document, and all stores agree
    assert await disagreements(here.library, NAME) == []
    before = {each.id: each for each in await documents(here.library, NAME)}
    assert len(before) == len(corpus.names) - result.deduplicated
    assert here.embedded > len(corpus.names)
    # When they are imported once more
    embedded = here.embedded
    again = await (await here.imported(corpus.folder)).result(timeout=LONG)
    # Then nothing is embedded, and no document that is there changes
    assert here.embedded == embedded
    assert (again.completed, again.deduplicated, again.failed) == (0, len(corpus.names) - len(failed), len(failed))
    after = {each.id: each for each in await documents(here.library, NAME)}
    assert set(after) == set(before)
    assert {id for id in after if after[id] != before[id]} == {
        id for id in before if before[id].status is DocumentStatus.FAILED
    }
    assert await disagreements(here.library, NAME) == []
    # And what is in an office file is found
    found = await here.library.search(SearchRequest(query="paper 0 lease", collection=NAME, mode=SearchMode.KEYWORD))
    assert "pdf" in {each.filename.rpartition(".")[2] for each in found.results}
    assert worker.stop() == 0
