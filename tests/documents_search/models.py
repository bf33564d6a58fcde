"""Which models are on this machine. Tests fetch none."""

from __future__ import annotations

import pytest

from abaca_documents.embedding.weights import MINILM, STATIC, is_here, model_folder

FOLDER = model_folder()


def _unless_here(name: str, is_there: bool) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not is_there, reason=f"the model {name} is not in {FOLDER}: make models fetches it")


needs_minilm = _unless_here(MINILM.name, is_here(MINILM, FOLDER))
needs_static = _unless_here(STATIC.name, is_here(STATIC, FOLDER))
