"""Which embedder a name means: a model that runs here, or a service."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from abaca_documents.embedding.local import LocalEmbedder
from abaca_documents.embedding.naming import HTTP, served
from abaca_documents.embedding.service import HttpEmbedder
from abaca_documents.embedding.weights import MINILM, STATIC
from abaca_documents.errors import ValidationError
from abaca_documents.protocols import Embedder

NAMES = {"minilm": MINILM.name, "static": STATIC.name}
"""The name that an index carries, by the setting's."""
LOCAL = {model.name: model for model in (MINILM, STATIC)}


@dataclass(frozen=True, slots=True)
class Service:
    """Where ``POST /embeddings`` is, and the key that it takes."""

    url: str = ""
    key: str = field(default="", repr=False)


def full_name(name: str) -> str:
    """The name that an index carries. Raises ``ValidationError`` for one that means no embedder."""
    name = NAMES.get(name, name)
    if name.startswith(HTTP):
        served(name)
    elif name not in LOCAL:
        known = ", ".join([*NAMES, f"{HTTP}MODEL/N"])
        raise ValidationError("embedder", f"{name!r} is not here; known are {known}")
    return name


class Embedders:
    """The embedders of one event loop, each opened when it is first asked for."""

    def __init__(self, service: Service | None = None, folder: Path | None = None) -> None:
        """``folder`` is where models are kept."""
        self._service = service or Service()
        self._folder = folder
        self._opened: dict[str, Embedder] = {}

    def of(self, name: str) -> Embedder:
        """Raises ``ValidationError`` for one that is not here, or needs a service that no setting names."""
        name = full_name(name)
        if name not in self._opened:
            is_served = name.startswith(HTTP)
            self._opened[name] = self._remote(name) if is_served else LocalEmbedder(LOCAL[name], folder=self._folder)
        return self._opened[name]

    def _remote(self, name: str) -> Embedder:
        model, dimension = served(name)
        parts = urlsplit(self._service.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            told = f"{self._service.url!r} is no http address" if self._service.url else "it is not set"
            raise ValidationError(
                "embedder",
                f"{name!r} is made by a service, whose address documents.embedding_url gives "
                f"(ABACA_DOCUMENTS_EMBEDDING_URL, as https://host/v1); {told}",
            )
        return HttpEmbedder(self._service.url, model, dimension, token=self._service.key)

    async def close(self) -> None:
        for embedder in self._opened.values():
            await embedder.close()
