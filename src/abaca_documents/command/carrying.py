"""``abaca collections export`` and ``import``"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from abaca import ConfigError, JobHandle
from abaca.cli import EXIT_FAILED, EXIT_OK, Given, note, print_json, say
from abaca_documents.command.running import run, with_hands
from abaca_documents.errors import CollectionAlreadyExists, DocumentAlreadyExists, IngestError, ValidationError
from abaca_documents.library import Library
from abaca_documents.model import DocumentStatus, UploadJobResult
from abaca_documents.pipeline.exporting import Archive, Carried, export_collection, opened_archive
from abaca_documents.settings import value

_AT_ONCE = 32


def export(
    name: str,
    path: Annotated[Path, Parameter(help="The archive that is written.")],
    /,
    *,
    force: Annotated[bool, Parameter(negative="", help="Also over a file that is there.")] = False,
    session: Given,
) -> int:
    """Write a collection to an archive: its settings, its documents with their metadata, and their bytes."""
    if path.exists() and not force:
        raise ConfigError(f"{path} is there already; --force writes over it")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path.parent} is no folder")
    count = run(session, lambda library: export_collection(library.opened().parts, name, path.absolute()))
    if session.json:
        print_json({"collection": name, "documents": count, "path": str(path)})
    else:
        note(f"{count} documents of {name} are in {path}, {path.stat().st_size:,} bytes")
    return EXIT_OK


def import_collection(
    path: Annotated[Path, Parameter(help="An archive of `abaca collections export`.")],
    /,
    *,
    name: Annotated[str | None, Parameter(help="Another name for the collection.")] = None,
    session: Given,
) -> int:
    """Take a collection in from an archive: it is made as it was, and its documents are embedded anew.

    A collection that is there already gets the documents that it has not.
    Exit status: 0 all are in; 1 some could not be taken in; 2 the command is wrong.
    """

    async def work(library: Library) -> tuple[str, int, list[str]]:
        with opened_archive(path, value(library.app, "documents.max_file")) as archive:
            wanted = archive.collection
            if name is not None:
                wanted = msgspec.structs.replace(wanted, name=name)
            try:
                made = await library.create_collection(wanted)
            except CollectionAlreadyExists:
                made = await library.documents.get_collection(wanted.name)
            is_renamed = made.name != archive.collection.name
            doing = _taken(library, archive, made.name, is_renamed=is_renamed)
            return made.name, len(archive.documents), await with_hands(library, doing, [made.index.embedder])

    into, total, failures = run(session, work, create=True)
    if session.json:
        print_json({"collection": into, "total": total, "failures": failures})
    else:
        for each in failures:
            say(each)
        note(f"collection {into}: {total - len(failures)} of {total} documents are in")
    return EXIT_FAILED if failures else EXIT_OK


async def _taken(library: Library, archive: Archive, collection: str, *, is_renamed: bool) -> list[str]:
    """What went wrong. Ids stay, unless the collection has another name: there are documents of these ids then."""
    failures: list[str] = []
    left = iter(archive.documents)

    async def one(line: Carried) -> None:
        try:
            data = await asyncio.to_thread(archive.bytes_of, line)
            added = await library.add(
                data,
                collection=collection,
                filename=line.filename,
                document_id=None if is_renamed else line.document_id,
                source_id=line.source_id,
                metadata=line.metadata,
            )
        except (IngestError, ValidationError, DocumentAlreadyExists) as error:
            failures.append(f"{line.filename}: {error}")
            return
        if added.job is not None and (said := await _trouble(added.job)):
            failures.append(f"{line.filename}: {said}")

    async def work() -> None:
        for line in left:
            await one(line)

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return failures


async def _trouble(job: JobHandle[UploadJobResult]) -> str:
    end = await job.outcome()
    if end.value is not None:
        return "" if end.value.status is DocumentStatus.COMPLETED else end.value.error or end.value.status
    return end.error.message if end.error is not None else end.status
