"""Takes files in, some at a time, and follows each to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from abaca import JobHandle, Kind, Progress
from abaca_documents.command.finding import Found
from abaca_documents.command.reporting import Ending, Outcome, Report
from abaca_documents.errors import (
    DocumentAlreadyExists,
    DocumentsError,
    DuplicateDocument,
    IngestError,
    ValidationError,
)
from abaca_documents.library import Library
from abaca_documents.model import DocumentStatus, DuplicatePolicy, Metadata, UploadJobResult
from abaca_documents.settings import value

AT_ONCE = 32
"""Files that are under way; no more are put into the store before others have ended."""


@dataclass(frozen=True, slots=True)
class Taking:
    """What holds for all files of one command."""

    collection: str
    on_duplicate: DuplicatePolicy = DuplicatePolicy.SKIP
    extract_metadata: bool = False
    metadata: Metadata = field(default_factory=dict)


class Taker:
    """``waiting`` counts files whose jobs are stored and have not ended."""

    def __init__(self, library: Library, taking: Taking, report: Report) -> None:
        self.waiting = 0
        self._library = library
        self._taking = taking
        self._report = report
        self._largest: int = value(library.app, "documents.max_file")

    @property
    def collection(self) -> str:
        return self._taking.collection

    async def take(self, files: Iterable[Found]) -> list[Outcome]:
        """Raises what makes no sense to go on with, such as a store that is away."""
        wanted = list(files)
        outcomes: list[Outcome] = []
        left = iter(wanted)
        with self._report.showing(len(wanted)):
            workers = [asyncio.create_task(self._work(left, outcomes)) for _ in range(min(AT_ONCE, len(wanted)))]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        return outcomes

    async def _work(self, left: Iterator[Found], outcomes: list[Outcome]) -> None:
        for file in left:
            outcome = await self._one(file)
            outcomes.append(outcome)
            self._report.landed(outcome)

    async def _one(self, file: Found) -> Outcome:
        if await asyncio.to_thread(file.is_of_another_kind, self._largest):
            return Outcome(path=str(file.path), outcome=Ending.PASSED_OVER)
        taking = self._taking
        try:
            added = await self._library.add(
                file.path,
                collection=taking.collection,
                filename=file.name,
                source_id=file.source_id,
                metadata=taking.metadata,
                extract_metadata=taking.extract_metadata,
                on_duplicate=taking.on_duplicate,
            )
        except (DuplicateDocument, DocumentAlreadyExists, IngestError, ValidationError) as error:
            return Outcome(path=str(file.path), outcome=Ending.FAILED, error=str(error))
        except DocumentsError as error:
            if not _is_of(file, error.__cause__):
                raise
            return Outcome(path=str(file.path), outcome=Ending.FAILED, error=f"it cannot be read: {error.__cause__}")
        if added.job is None:
            return Outcome(path=str(file.path), outcome=Ending.DEDUPLICATED, document_id=added.document.id)
        self.waiting += 1
        outcome = await self._ended(file, added.document.id, added.job)
        self.waiting -= 1
        return outcome

    async def _ended(self, file: Found, document_id: str, job: JobHandle[UploadJobResult]) -> Outcome:
        path = str(file.path)
        async for update in job.updates():
            if update.kind is Kind.PROGRESS:
                self._report.progress(path, msgspec.json.decode(update.data, type=Progress))
        end = await job.outcome()
        result = end.value
        if result is None or result.status is not DocumentStatus.COMPLETED:
            error = result.error if result is not None else end.error.message if end.error is not None else end.status
            return Outcome(path=path, outcome=Ending.FAILED, document_id=document_id, error=error)
        return Outcome(
            path=path,
            outcome=Ending.DEDUPLICATED if result.deduplicated else Ending.COMPLETED,
            document_id=document_id,
            chunk_count=result.chunk_count,
            chunks_embedded=result.chunks_embedded,
        )


def _is_of(file: Found, cause: BaseException | None) -> bool:
    """Whether it is the file that could not be read, and not the store that could not be written."""
    return isinstance(cause, OSError) and cause.filename is not None and str(cause.filename) == str(file.path)
