"""``abaca documents reindex`` and ``import``: jobs that change many documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from abaca import ConfigError, JobHandle, JobResult
from abaca.cli import EXIT_FAILED, EXIT_OK, Given, Session, note, print_json, say
from abaca_documents.command.following import followed
from abaca_documents.command.plain import document_of, metadata_of
from abaca_documents.command.running import run, with_hands
from abaca_documents.library import Library
from abaca_documents.model import (
    ChunkingStrategy,
    ChunkSettings,
    DocumentStatus,
    DuplicatePolicy,
    ImportKind,
    ImportPayload,
    ImportResult,
    ReindexResult,
    UploadJobResult,
)
from abaca_documents.pipeline.revising import payload_of

_KINDS = {".zip": ImportKind.ZIP, ".jsonl": ImportKind.JSONL, ".ndjson": ImportKind.JSONL}

Strategy = Annotated[ChunkingStrategy | None, Parameter(help="How text is cut.")]
Size = Annotated[int | None, Parameter(help="The size of chunks, in what the strategy counts.")]
Overlap = Annotated[int | None, Parameter(help="How much of a chunk is in the next one too.")]


def reindex(
    *documents: Annotated[str, Parameter(name="DOCUMENT", help="The id, or a filename that is there once.")],
    collection: Annotated[str | None, Parameter(help="A whole collection, or where filenames are looked for.")] = None,
    embedder: Annotated[str | None, Parameter(help="Another embedder for the collection.")] = None,
    strategy: Strategy = None,
    chunk_size: Size = None,
    chunk_overlap: Overlap = None,
    session: Given,
) -> int:
    """Take documents in anew from the bytes that are stored, or build the next index of a whole collection.

    Until that is done searches find what they found before. A document that failed is tried again.
    """
    if not documents and collection is None:
        raise ConfigError("name documents, or a collection with --collection")
    if documents and embedder is not None:
        raise ConfigError("--embedder is for a whole collection: vectors of two embedders cannot be compared")

    cut = _Cut(strategy, chunk_size, chunk_overlap)
    if documents:
        return run(session, lambda library: _documents(session, library, documents, collection, cut))
    assert collection is not None
    return run(session, lambda library: _collection(session, library, collection, embedder, cut))


@dataclass(frozen=True, slots=True)
class _Cut:
    """How text is to be cut, as far as it was said."""

    strategy: ChunkingStrategy | None
    size: int | None
    overlap: int | None

    def over(self, before: ChunkSettings) -> ChunkSettings | None:
        """``None`` where nothing was said."""
        if (self.strategy, self.size, self.overlap) == (None, None, None):
            return None
        size = before.size if self.size is None else self.size
        overlap = min(before.overlap, size // 4) if self.overlap is None else self.overlap
        return ChunkSettings(strategy=self.strategy or before.strategy, size=size, overlap=overlap)


async def _documents(
    session: Session, library: Library, words: Sequence[str], collection: str | None, cut: _Cut
) -> int:
    found = [await document_of(library, word, collection) for word in words]
    jobs: list[JobHandle[UploadJobResult]] = []
    for document in found:
        payload = payload_of(document, extract=document.extract_metadata)
        chunking = cut.over(payload.chunking) or payload.chunking
        added = await library.submit(
            msgspec.structs.replace(
                payload,
                chunking_strategy=chunking.strategy,
                chunk_size=chunking.size,
                chunk_overlap=chunking.overlap,
            )
        )
        assert added.job is not None  # under the policy `replace` there always is one
        jobs.append(added.job)
    return _say_documents(session.json, await with_hands(library, _all(jobs, session.json)))


async def _all(jobs: list[JobHandle[UploadJobResult]], as_json: bool) -> list[JobResult[UploadJobResult]]:
    return [await followed(job, "documents", as_json=as_json) for job in jobs]


async def _collection(session: Session, library: Library, name: str, embedder: str | None, cut: _Cut) -> int:
    made = await library.documents.get_collection(name)
    job = await library.tasks.vector_reindex.enqueue(name, embedder, cut.over(made.chunking))
    following = followed(job, name, as_json=session.json)
    return _say_reindex(session.json, await with_hands(library, following, [embedder or made.index.embedder]))


def _say_documents(as_json: bool, ends: list[JobResult[UploadJobResult]]) -> int:
    if as_json:
        print_json([end.value or {"error": end.error} for end in ends])
    for end in ends if not as_json else ():
        if end.value is None:
            say(f"job {end.job_id} {end.status}: {end.error.message if end.error else ''}")
        else:
            said = end.value.error or f"{end.value.chunk_count} chunks, {end.value.chunks_embedded} embedded"
            say(f"{end.value.filename}: {end.value.status} ({said})")
    is_well = all(end.value is not None and end.value.status is DocumentStatus.COMPLETED for end in ends)
    return EXIT_OK if is_well else EXIT_FAILED


def _say_reindex(as_json: bool, end: JobResult[ReindexResult]) -> int:
    if as_json:
        print_json(end.value or {"error": end.error})
    elif end.value is not None:
        note(
            f"index {end.value.index} of {end.value.collection} answers: {end.value.documents} documents, "
            f"{end.value.chunks} chunks, {end.value.embedded} embedded"
        )
    else:
        note(f"the reindex {end.status}: {end.error.message if end.error else ''}")
    return EXIT_OK if end.is_success else EXIT_FAILED


def import_documents(
    path: Annotated[Path, Parameter(help="A folder, a zip archive, or JSONL with a document in each line.")],
    /,
    *,
    collection: Annotated[str, Parameter(help="The collection; it is made if it is missing.")] = "default",
    kind: Annotated[ImportKind | None, Parameter(help="Of what kind it is; else its name tells.")] = None,
    pattern: Annotated[str, Parameter(help="Which files of a folder.")] = "**/*",
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
    """Import many documents by one job, which tells the outcome of each.

    The path is of the worker's machine. A job that was interrupted goes on behind the last item that it told of.
    Exit status: 0 all are in; 1 some could not be taken in; 2 the command is wrong.
    """
    where = path.resolve()
    if not where.exists():
        raise ConfigError(f"{path}: there is no such file and no such folder")
    chosen = kind or (ImportKind.FOLDER if where.is_dir() else _KINDS.get(where.suffix.lower()))
    if chosen is None:
        raise ConfigError(f"{path}: its name does not tell of what kind it is; give --kind")

    async def work(library: Library) -> JobResult[ImportResult]:
        made = await library.ensure_collection(collection)
        payload = ImportPayload(
            collection=collection,
            kind=chosen,
            path=str(where),
            pattern=pattern,
            chunking_strategy=made.chunking.strategy,
            chunk_size=made.chunking.size,
            chunk_overlap=made.chunking.overlap,
            extract_metadata=extract_metadata,
            metadata=metadata_of(metadata),
            on_duplicate=on_duplicate,
        )
        payload.validate()
        job = await library.tasks.bulk_import.enqueue(payload)
        return await with_hands(library, followed(job, str(path), as_json=session.json), [made.index.embedder])

    return _say_import(session.json, run(session, work, create=True))


def _say_import(as_json: bool, end: JobResult[ImportResult]) -> int:
    result = end.value
    if as_json:
        print_json(result or {"error": end.error})
    elif result is None:
        note(f"the import {end.status}: {end.error.message if end.error else ''}")
    else:
        for each in result.failures:
            say(f"{each.name}: failed: {each.error}")
        note(f"{result.completed} completed, {result.deduplicated} already there, {result.failed} failed")
    return EXIT_OK if result is not None and not result.failed else EXIT_FAILED
