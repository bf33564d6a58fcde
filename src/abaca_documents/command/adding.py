"""``abaca documents add``"""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

from cyclopts import Parameter

from abaca import ConfigError
from abaca.cli import EXIT_OK, Given
from abaca_documents.command.finding import Wanted
from abaca_documents.command.plain import metadata_of
from abaca_documents.command.reporting import Report
from abaca_documents.command.running import interrupted, run, with_hands
from abaca_documents.command.taking import Taker, Taking
from abaca_documents.command.watching import Keeper
from abaca_documents.library import Library
from abaca_documents.model import DuplicatePolicy


def add(
    *paths: Annotated[str, Parameter(name="PATH", help="A file, or a folder.")],
    collection: Annotated[str, Parameter(help="The collection; it is made if it is missing.")] = "default",
    recursive: Annotated[bool, Parameter(negative="", help="Folders with all that is below them.")] = False,
    watch: Annotated[
        bool,
        Parameter(negative="", help="Keep the collection as the files are, until interrupted: changed, new, deleted."),
    ] = False,
    on_duplicate: Annotated[
        DuplicatePolicy, Parameter(help="What is done with bytes that the collection has already.")
    ] = DuplicatePolicy.SKIP,
    metadata: Annotated[
        tuple[str, ...], Parameter(help="As --metadata year=2026; may be given several times.", negative="")
    ] = (),
    extract_metadata: Annotated[
        bool, Parameter(negative="", help="Find title, keywords, language, summary and questions in the text.")
    ] = False,
    session: Given,
) -> int:
    """Take files in: they are parsed, cut, embedded and stored, and then found by searches.

    A file is known by its path: one that was changed becomes a new revision of its document, and is found as it was
    until that is stored. In folders, hidden files and those that are no documents are passed over. No server is needed:
    where no worker serves the queue, one runs inside. What is interrupted goes on with the next worker.
    Exit status: 0 all are in; 1 one could not be taken in; 2 the command is wrong; 130 interrupted. An interrupted
    watch ends with 0.
    """
    if not paths:
        raise ConfigError("name a file or a folder")
    if watch and on_duplicate is not DuplicatePolicy.SKIP:
        raise ConfigError("--watch keeps each file once; leave out --on-duplicate")
    wanted = Wanted(paths, recursive=recursive)
    report = Report(as_json=session.json)
    taking = Taking(collection, on_duplicate, extract_metadata, metadata_of(metadata))

    async def work(library: Library) -> int:
        if watch and (main := asyncio.current_task()) is not None:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, main.cancel)
        made = await library.ensure_collection(collection)
        taker = Taker(library, taking, report)
        doing = _watched(library, wanted, taker, report) if watch else _once(wanted, taker, report)
        try:
            return await with_hands(library, doing, [made.index.embedder])
        except asyncio.CancelledError:
            interrupted(taker.waiting)
            raise

    try:
        return run(session, work, create=True)
    except asyncio.CancelledError:  # only a watch is told to end so
        return EXIT_OK


async def _once(wanted: Wanted, taker: Taker, report: Report) -> int:
    await taker.take((await asyncio.to_thread(wanted.look)).values())
    return report.end(taker.collection)


async def _watched(library: Library, wanted: Wanted, taker: Taker, report: Report) -> int:
    await Keeper(library, wanted, taker, report).keep()
    return EXIT_OK
