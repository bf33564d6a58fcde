"""``/ui/documents/{id}``: the text of a document with the passage that was found, its facts and its revisions."""

from __future__ import annotations

import msgspec

from abaca.http import Desk, Reply
from abaca_documents.model import Chunk, ChunkingStrategy, Document, Highlight
from abaca_documents.vectors.words import marked as marked_words
from abaca_documents.web.pages.common import Stretch, library, marked, rows, shelf_page, source
from abaca_documents.web.views import revision_view

_WINDOW = 60
_BEFORE = 12
_MOST = 1 << 31


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a document: ``passage`` between ``before`` and ``after``; without one all of it is ``before``.
    ``first`` and ``behind`` are indices of chunks: where it begins, and where the next stretch would."""

    before: str = ""
    passage: list[Stretch] = []
    after: str = ""
    page: int = 0
    heading_path: tuple[str, ...] = ()
    first: int = 0
    behind: int | None = None


@shelf_page("/documents/{id}")
async def one_document(desk: Desk, id: str) -> Reply:
    document = await library(desk).documents.get(id)
    given = desk.request.query_params
    wanted, query = _number(given.get("chunk")), given.get("q", "")
    text = await _text(desk, document, wanted, _number(given.get("from")), query)
    (row,) = await rows(desk, [document])
    return desk.page(
        "documents/one.html",
        here="documents",
        now=await desk.clock(),
        row=row,
        document=document,
        text=text,
        is_missing=wanted is not None and not text.passage,
        query=query,
        source=source(desk, document, text.page),
        content=desk.api.url(f"/documents/{id}/content"),
        revisions=[revision_view(document, each) for each in reversed(document.revisions)],
        strategies=tuple(ChunkingStrategy),
        earlier=max(0, text.first - _WINDOW) if text.first else None,
    )


def _number(given: str | None) -> int | None:
    return int(given) if given and given.isascii() and given.isdecimal() and int(given[:11]) < _MOST else None


async def _text(desk: Desk, document: Document, wanted: int | None, start: int | None, query: str) -> Text:
    first = start or 0 if wanted is None else max(0, wanted - _BEFORE)
    chunks = await library(desk).chunks(document, after=first - 1, limit=_WINDOW + 1)
    behind = chunks[_WINDOW].index if len(chunks) > _WINDOW else None
    leaves = [each for each in chunks[:_WINDOW] if not each.is_parent]
    found = next((at for at, each in enumerate(leaves) if each.index == wanted), None)
    if found is None:
        return Text(before=joined(leaves), first=first, behind=behind)
    target = leaves[found]
    words = [Highlight(start=low, end=high) for low, high in marked_words(target.text, query)] if query else []
    return Text(
        before=joined(leaves[:found], until=target.where.start_char),
        passage=marked(target.text, words),
        after=joined(leaves[found + 1 :], begin=target.where.end_char),
        page=target.where.page,
        heading_path=target.where.heading_path,
        first=first,
        behind=behind,
    )


def joined(chunks: list[Chunk], *, begin: int | None = None, until: int | None = None) -> str:
    """The text that chunks were cut from: each character once, as far as they overlap. What no chunk has, which
    is mostly space, is a space or an empty line."""
    parts: list[str] = []
    at = begin
    for chunk in chunks:
        start, end = chunk.where.start_char, chunk.where.end_char
        if end - start != len(chunk.text):  # cut elsewhere: it says nothing of where it stands
            parts.append(f"\n\n{chunk.text}" if parts or begin is not None else chunk.text)
            continue
        stop = end if until is None else min(end, until)
        low = start if at is None else max(start, at)
        if low >= stop:
            continue
        if at is not None:
            parts.append(_between(low - at))
        parts.append(chunk.text[low - start : stop - start])
        at = stop
    if until is not None and at is not None:
        parts.append(_between(until - at))
    return "".join(parts)


def _between(characters: int) -> str:
    return "" if characters <= 0 else " " if characters == 1 else "\n\n"


PAGES = (one_document,)
