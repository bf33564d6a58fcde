"""``abaca documents rm``"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from abaca import ConfigError
from abaca.cli import EXIT_OK, Given, note, print_json
from abaca_documents.command.plain import document_of
from abaca_documents.command.running import run, with_hands
from abaca_documents.library import Library
from abaca_documents.settings import value


def rm(
    *documents: Annotated[str, Parameter(name="DOCUMENT", help="The id, or a filename that is there once.")],
    collection: Annotated[str | None, Parameter(help="Where filenames are looked for.")] = None,
    purge: Annotated[
        bool, Parameter(negative="", help="For good and at once: chunks, vectors, bytes and what is known of them.")
    ] = False,
    session: Given,
) -> int:
    """Delete documents. From now on no search finds them; after `documents.retention` they are gone for good.

    All of them are deleted or none is.
    """
    if not documents:
        raise ConfigError("name a document")

    async def work(library: Library) -> tuple[list[str], int]:
        ids = [(await document_of(library, word, collection)).id for word in documents]
        await library.delete(ids)
        if purge:
            await with_hands(library, _purged(library, ids))
        return ids, int(value(library.app, "documents.retention"))

    ids, retention = run(session, work)
    if session.json:
        print_json({"deleted": ids, "purged": purge})
    else:
        when = "for good" if purge else f"they are gone for good after {retention // 3600} h"
        note(f"{len(ids)} deleted; {when}" if not purge else f"{len(ids)} deleted {when}")
    return EXIT_OK


async def _purged(library: Library, ids: list[str]) -> None:
    jobs = [await library.tasks.document_delete.enqueue(id) for id in ids]
    for job in jobs:
        await job.result()
