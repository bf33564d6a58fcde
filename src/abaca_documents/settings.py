"""The settings of this application, and what they mean where they are not given."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from abaca import App, ConfigError, Setting
from abaca_documents.embedding.naming import HTTP, served
from abaca_documents.embedding.weights import model_folder
from abaca_documents.errors import ValidationError
from abaca_documents.vectors.chroma.client import SCHEMES, check_url

EMBEDDERS = ("minilm", "static")


def _read_embedder(raw: Any, what: str) -> str:
    """Whether a service gives vectors of N numbers is seen when it is asked."""
    name = str(raw).strip()
    if name.lower() in EMBEDDERS:
        return name.lower()
    try:
        if name.startswith(HTTP):
            served(name)
            return name
    except ValidationError as error:
        raise ConfigError(f"{what}: {error.reason}") from error
    raise ConfigError(f"{what}: {name!r} is not one of {', '.join(EMBEDDERS)}, {HTTP}MODEL/N")


SETTINGS = (
    Setting.text(
        "documents.vectors",
        "",
        "chunks and vectors: sqlite:///file.db (a file beside the jobs), chroma://host",
        also=("ABACA_VECTORS_URL",),
    ),
    Setting.text("documents.replaces", "", "the identity of a lost place of vectors, which those here replace"),
    Setting.text(
        "documents.blobs",
        "",
        "original bytes: file:///folder, by default a folder beside the jobs",
        also=("ABACA_BLOBS_URL",),
    ),
    Setting.text(
        "documents.models", "", "the folder of models; by default in the user's cache", also=("ABACA_MODELS",)
    ),
    Setting("documents.embedder", _read_embedder, "minilm", "of new collections: minilm, static or http:MODEL/N"),
    Setting.text("documents.embedding_url", "", "the service of embedders http:MODEL/N: what /embeddings is below"),
    Setting.text("documents.embedding_key", "", "the key that this service takes", secret=True),
    Setting.count("documents.cached_vectors", 200_000, "vectors kept for texts that come again, 1.5 kB each"),
    Setting.seconds("documents.retention", 7 * 86_400.0, "how long a deleted document can be brought back"),
    Setting.size("documents.max_file", 50_000_000, "the largest file that is taken"),
    Setting.count("documents.max_pages", 2_000, "pages of one document that are read"),
    Setting.count("documents.max_chunks", 100_000, "chunks that one document may have"),
    Setting.size("documents.max_import", 1_000_000_000, "the largest archive that is imported over HTTP"),
    Setting.text("documents.import_folder", "", "the folder of this machine that keys may import from, if any"),
    Setting.count("documents.rate", 600, "uploads and computations a minute for one API key"),
    Setting.count("documents.burst", 200, "how many of them may come at once"),
)
_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


def value(app: App, name: str) -> Any:
    """A setting's value; its default in an app without the plugin."""
    known = "documents" in {plugin.name for plugin in app.plugins.declared}
    return app.settings.value(name) if known else _DEFAULTS[name]


def models(app: App) -> Path:
    """The folder that models are kept in."""
    return kept_in(value(app, "documents.models"))


def kept_in(given: str) -> Path:
    return Path(given).expanduser() if given else model_folder()


@dataclass(frozen=True, slots=True)
class Places:
    """``file`` is the library file, ``folder`` holds bytes and what stages leave. ``is_shared``: metadata is in the
    app's own store, so the library file holds chunks and vectors only; none where ``chroma`` is the URL of a server of
    those. A folder as ``chroma`` is an index of the vectors in the file, which is in it."""

    file: Path
    folder: Path
    is_shared: bool
    chroma: str = ""
    alone: Path | None = None
    """Where chunks are, if that is on one machine and the jobs are not."""

    @property
    def is_served(self) -> bool:
        """Chunks are in a Chroma server, which many machines may use."""
        return bool(urlsplit(self.chroma).netloc)

    @property
    def cache(self) -> Path:
        """Beside the library file, for its hosts alone; no lock of its own could be trusted in a shared folder."""
        return self.file.with_suffix(".cache.db")


def places(app: App) -> Places:
    """By the app's store and the settings. Raises ``ConfigError`` where a place has to be named."""
    vectors, blobs = value(app, "documents.vectors"), value(app, "documents.blobs")
    parts = urlsplit(app.url)
    if vectors and urlsplit(vectors).scheme in SCHEMES:
        return _with_chroma(app.url, vectors, blobs)
    if parts.scheme == "sqlite":
        beside = _beside(app.url)
        return Places(
            file=_path(vectors, "sqlite", "documents.vectors") if vectors else beside.with_suffix(".documents.db"),
            folder=_path(blobs, "file", "documents.blobs") if blobs else beside,
            is_shared=False,
        )
    if parts.scheme == "memory":
        made = Path(tempfile.mkdtemp(prefix="abaca-documents-"))
        return Places(file=made / "vectors.db", folder=made, is_shared=True)
    for name, given in (("documents.vectors", vectors), ("documents.blobs", blobs)):
        if not given:
            raise _unnamed(name, parts.scheme)
    file = _path(vectors, "sqlite", "documents.vectors")
    return Places(file=file, folder=_path(blobs, "file", "documents.blobs"), is_shared=True, alone=file)


def _with_chroma(jobs: str, vectors: str, blobs: str) -> Places:
    place = check_url(vectors, "documents.vectors")
    embedded = None if place.netloc else Path(unquote(place.path)[1:])
    scheme = urlsplit(jobs).scheme
    if blobs:
        folder = _path(blobs, "file", "documents.blobs")
    elif scheme == "sqlite":
        folder = _beside(jobs)
    elif scheme == "memory":
        folder = Path(tempfile.mkdtemp(prefix="abaca-documents-"))
    else:
        raise _unnamed("documents.blobs", scheme)
    return Places(
        file=(embedded or folder) / "vectors.db",
        folder=folder,
        is_shared=embedded is None or scheme != "sqlite",
        chroma=vectors,
        alone=None if scheme in ("sqlite", "memory") else embedded,
    )


def _beside(jobs: str) -> Path:
    return Path(unquote(urlsplit(jobs).path)[1:]).with_suffix(".documents")


def _unnamed(name: str, scheme: str) -> ConfigError:
    return ConfigError(
        f"{name}: jobs are in {scheme}://, where chunks and bytes are not kept; say where they are, as "
        f"ABACA_{name.upper().replace('.', '_')}"
    )


def _path(url: str, scheme: str, what: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme != scheme or parts.netloc or not parts.path.strip("/"):
        raise ConfigError(f"{what}: {url!r} cannot be used; give {scheme}:///path")
    path = unquote(parts.path)
    return Path(path[1:] if scheme == "sqlite" else path)
