"""How a command reaches the library: an app on the store of the settings, and a worker inside where no other serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from abaca import AbacaError, App, ConfigError
from abaca.cli import Session, note, while_served
from abaca_documents.embedding.choosing import NAMES
from abaca_documents.embedding.weights import MODELS
from abaca_documents.errors import DocumentsError, ValidationError
from abaca_documents.library import Library
from abaca_documents.plugin import PLUGIN
from abaca_documents.preparing import fetch_models
from abaca_documents.settings import models

T = TypeVar("T")
SLOTS = 4
"""Documents at once in the worker inside."""


def run(session: Session, work: Callable[[Library], Awaitable[T]], *, create: bool = False) -> T:
    """Run ``work`` with a library that it opens and closes.

    Looking makes nothing: where there is no library yet it raises ``ConfigError`` unless ``create``. What the library
    raises becomes an error of the command line.
    """

    async def with_library(app: App) -> T:
        library = Library.of(app)
        if not create and not library.is_used():
            raise ConfigError(
                f"there are no documents beside {app.url} yet; `abaca documents add` takes some in, "
                "and --url, ABACA_URL or abaca.toml name another store"
            )
        try:
            return await work(library)
        finally:
            await library.close()

    try:
        return session.run(with_library, create=True, plugins=[PLUGIN])
    except ValidationError as error:
        raise ConfigError(str(error)) from error
    except DocumentsError as error:
        raise AbacaError(str(error)) from error


async def with_hands(library: Library, work: Coroutine[Any, Any, T], embedders: Iterable[str] = ()) -> T:
    """``while_served`` for documents. ``embedders`` are those that the jobs will use; their models are fetched before a
    worker begins here."""
    return await while_served(
        library.app, PLUGIN.queues, work, slots=SLOTS, prepare=lambda: fetched(library.app, embedders)
    )


async def fetched(app: App, embedders: Iterable[str]) -> None:
    """Bring the models of these embedders, with a bar, where they are missing. Raises ``ModelMissing``."""
    names = [name for each in embedders if (name := NAMES.get(each, each)) in MODELS]
    await asyncio.to_thread(fetch_models, names, models(app))


def interrupted(left: int) -> None:
    """Say what becomes of what was not finished."""
    if left:
        note(f"interrupted; {left} of them wait in the store for a worker, or for the next `abaca documents add`")
