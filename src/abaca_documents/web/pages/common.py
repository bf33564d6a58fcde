"""How these pages are declared, and what each of them shows of a document."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from abaca import ConfigError, Progress
from abaca.http import Desk, Reply, act, page
from abaca_documents.errors import DocumentsError
from abaca_documents.library import Library
from abaca_documents.model import Document, DocumentStatus, Highlight, SearchResult
from abaca_documents.parsing.media import Kind
from abaca_documents.web.declaring import SCOPE, answer_of, library_of
from abaca_documents.web.views import revision_by
from abaca_sandbox import SandboxUnavailable

Handler = Callable[..., Awaitable[Reply]]
Stretch = tuple[str, bool]
"""A piece of text, and whether it is marked."""
GLYPHS = {
    DocumentStatus.PENDING: "queued",
    DocumentStatus.PROCESSING: "running",
    DocumentStatus.COMPLETED: "completed",
    DocumentStatus.FAILED: "failed",
    DocumentStatus.DELETED: "cancelled",
}
_SHOWN_INLINE = frozenset(kind.value for kind in Kind if kind is Kind.PDF or kind is Kind.HTML)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A document with how far its latest job is and why that failed."""

    document: Document
    glyph: str
    progress: Progress | None
    error: str


def shelf_page(path: str) -> Callable[[Handler], Any]:
    return lambda handler: page(path, scope=SCOPE)(_answering(handler))


def shelf_act(path: str) -> Callable[[Handler], Any]:
    return lambda handler: act(path, scope=SCOPE)(_answering(handler))


def _answering(handler: Handler) -> Handler:
    @functools.wraps(handler)
    async def answered(desk: Desk, **given: Any) -> Reply:
        try:
            return await handler(desk, **given)
        except (DocumentsError, SandboxUnavailable, ConfigError) as error:
            raise answer_of(error) from error

    return answered


def library(desk: Desk) -> Library:
    return library_of(desk.api)


async def rows(desk: Desk, documents: Sequence[Document]) -> list[Row]:
    """One look at the jobs of those that are on their way."""
    under_way = [each.job_id for each in documents if each.status.is_active and each.job_id]
    jobs = await desk.ask(lambda backend: backend.get(under_way)) if under_way else []
    alive = {job.id for job in jobs if job is not None and not job.state.ended}
    told = {id: await desk.app.job(id).progress() for id in alive}
    return [
        Row(
            document=each,
            glyph=GLYPHS[each.status],
            progress=told.get(each.job_id) if each.status.is_active else None,
            error=why_not(each),
        )
        for each in documents
    ]


def why_not(document: Document) -> str:
    """Why its latest revision failed, also where an older one answers."""
    if document.error or document.status.is_active:
        return document.error
    revision = revision_by(document, document.job_id)
    return "" if revision is None else revision.error


def marked(text: str, highlights: Sequence[Highlight]) -> list[Stretch]:
    """The text in stretches. What overlaps or lies outside is taken as far as it goes."""
    found: list[Stretch] = []
    at = 0
    for each in sorted(highlights, key=lambda one: one.start):
        start, end = max(at, each.start), min(len(text), each.end)
        if start >= end:
            continue
        found += [(text[at:start], False), (text[start:end], True)]
        at = end
    return [each for each in (*found, (text[at:], False)) if each[0]]


def source(desk: Desk, document: Document, page_number: int = 0) -> str:
    """Where the original is shown, at its page where it has pages; empty where no browser shows its kind."""
    if document.media_type not in _SHOWN_INLINE:
        return ""
    at = f"#page={page_number}" if page_number and document.media_type == Kind.PDF else ""
    return desk.api.url(f"/documents/{document.id}/content?inline=true") + at


def place(hit: SearchResult) -> str:
    """Where a hit stands, for people."""
    return " \u203a ".join((*((f"page {hit.page}",) if hit.page else ()), *hit.heading_path))
