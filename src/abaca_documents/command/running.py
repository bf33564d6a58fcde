"""How a command reaches the library: an app on the store of the settings, and a worker inside where no other serves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from abaca import AbacaError, App, ConfigError
from abaca.cli import Session, note
from abaca_documents.embedding.choosing import NAMES
from abaca_documents.embedding.weights import MODELS
from abaca_documents.errors import DocumentsError, ValidationError
from abaca_documents.library import Library
from abaca_documents.plugin import PLUGIN
from abaca_documents.preparing import fetch_models
from abaca_documents.settings import SETTINGS

T = TypeVar("T")
QUEUES = PLUGIN.queues
SLOTS = 4
"""Documents at once in the worker inside."""
_LOOK_AGAIN = 3.0
_DRAIN = 2.0
"""What running jobs have when the command is interrupted. Then they are given back, and a later run goes on."""


def run(session: Session, work: Callable[[Library], Awaitable[T]], *, create: bool = False) -> T:
    """Run ``work`` with a library that it opens and closes.

    Looking makes nothing: where there is no library yet it raises ``ConfigError`` unless ``create``. What the library
    raises becomes an error of the command line.
    """
    if session.config is not None:
        os.environ["ABACA_CONFIG"] = str(session.config)  # the app reads its settings itself
    settings = session.settings(SETTINGS)

    async def with_library() -> T:
        async with App(settings.url, plugins=[PLUGIN]) as app:
            library = Library.of(app)
            if not create and not library.is_used():
                raise ConfigError(
                    f"there are no documents beside {settings.url} yet; `abaca documents add` takes some in, "
                    "and --url, ABACA_URL or abaca.toml name another store"
                )
            try:
                return await work(library)
            finally:
                await library.close()

    try:
        return asyncio.run(with_library())
    except ValidationError as error:
        raise ConfigError(str(error)) from error
    except DocumentsError as error:
        raise AbacaError(str(error)) from error


async def with_hands(library: Library, work: Coroutine[Any, Any, T], embedders: Iterable[str] = ()) -> T:
    """Do what waits for jobs, while somebody serves them: the workers that are there, else one in this process.

    ``embedders`` are those that the jobs will use; their models are fetched before a worker begins here.
    """
    over = asyncio.Event()
    hands = asyncio.create_task(_serve(library.app, over, tuple(embedders)))
    doing = asyncio.create_task(work)
    try:
        await asyncio.wait({hands, doing}, return_when=asyncio.FIRST_COMPLETED)
        if hands.done():
            hands.result()
        return await doing
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        over.set()
        await hands


async def _serve(app: App, over: asyncio.Event, embedders: tuple[str, ...]) -> None:
    while not over.is_set() and await _is_served(app):
        await _within(_LOOK_AGAIN, over)
    if over.is_set():
        return
    await fetched(embedders)
    async with app.worker(queues=QUEUES, concurrency=SLOTS, drain=_DRAIN, name="command"):
        await over.wait()


async def _is_served(app: App) -> bool:
    workers = (await app.stats()).workers
    return any(set(QUEUES) & set(worker.queues) and not worker.draining for worker in workers)


async def _within(seconds: float, event: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


async def fetched(embedders: Iterable[str]) -> None:
    """Bring the models of these embedders, with a bar, where they are missing. Raises ``ModelMissing``."""
    names = [name for each in embedders if (name := NAMES.get(each, each)) in MODELS]
    await asyncio.to_thread(fetch_models, names)


def interrupted(left: int) -> None:
    """Say what becomes of what was not finished."""
    if left:
        note(f"interrupted; {left} of them wait in the store for a worker, or for the next `abaca documents add`")
