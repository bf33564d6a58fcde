"""What of Chroma can be judged without it: words and their scores, URLs, and its absence. The rest is in the suites
that all stores are held to; `make test-chroma` runs them with it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from abaca import App, ConfigError
from abaca_documents.errors import StoreUnavailable
from abaca_documents.plugin import PLUGIN
from abaca_documents.settings import places
from abaca_documents.vectors.chroma.bm25 import phrases_of, score
from abaca_documents.vectors.chroma.client import Chroma, check_url
from abaca_documents.vectors.chroma.store import ChromaVectors
from benchmarks.documents_stores import HAS_CHROMA


def test_rare_words_short_texts_and_repetitions_score_higher() -> None:
    # Given stems of texts among a hundred, six of them long
    words = {"twice": " leas leas \n  ", "once": " leas job \n  ", "long": f" leas {'job ' * 40} \n  "}
    common = {str(at): " job \n  " for at in range(60)}
    # When they are scored for a rare and a common word
    scores = score(words | common, phrases_of("lease job"), 100, 4.0)
    # Then the rare word, its repetition and a short text count
    rare = score(words, phrases_of("lease"), 100, 4.0)
    assert rare["twice"] > rare["once"] > rare["long"] > 0
    assert min(scores[id] for id in words) > max(scores[id] for id in common) > 0


def test_words_in_quotation_marks_have_to_follow_one_another() -> None:
    assert phrases_of('"renew leases"') == [" renew leas "]
    assert phrases_of("What is a snake_case lease?") == [" snak cas ", " leas "]
    assert phrases_of('"? ') == []


@pytest.mark.parametrize("url", ["chroma://", "chroma:///", "chromas:///folder", "chroma://host:port"])
def test_a_url_that_names_no_chroma_is_refused_with_its_setting(url: str) -> None:
    with pytest.raises(ConfigError, match=r"documents\.vectors"):
        check_url(url, "documents.vectors")


def test_with_chroma_metadata_is_in_the_store_of_the_jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ABACA_DOCUMENTS_VECTORS", "chroma://host/texts")
    app = App(f"sqlite:///{tmp_path / 'jobs.db'}", plugins=[PLUGIN])
    found = places(app)
    assert (found.is_shared, found.chroma, found.folder) == (True, "chroma://host/texts", tmp_path / "jobs.documents")


async def test_a_missing_chroma_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "chromadb", None)
    store = ChromaVectors(Chroma(f"chroma:///{tmp_path}"))
    with pytest.raises(ConfigError, match=r"abaca\[documents-chroma\]"):
        await store.spaces()
    await store.close()


if HAS_CHROMA:

    async def test_a_server_that_is_away_is_a_store_that_is_away() -> None:
        store = ChromaVectors(Chroma("chroma://127.0.0.1:1"))
        with pytest.raises(StoreUnavailable, match="repeating is safe"):
            await store.spaces()
        await store.close()
