"""``/documents/batch`` and ``/content``: documents as JSON, many at once or as the source system's content."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from abaca.http import Answer, ApiError, ApiRequest, Waiting, invalid
from abaca_documents.errors import DocumentsError
from abaca_documents.parsing.media import Kind
from abaca_documents.web.bodies import LARGEST_TEXT, NewDocument, Wishes
from abaca_documents.web.declaring import INVALID, NO_DOCUMENT, UPLOADING, answer_of, library_of, route, spend
from abaca_documents.web.reading import StatusView, status_of
from abaca_documents.web.uploading import Upload, add, answered, stored_text
from abaca_documents.web.views import Ingested, Uploaded, present, queued

MOST = 100
_HERE = ("markdown", "json")
_ELSEWHERE = ("jira", "notion")


class NewDocuments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 100 documents. What is wrong with one harms no other. None is waited for."""

    documents: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MOST)]


class UploadRefusal(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str
    field: str | None = None


class UploadOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """``upload`` or ``error``."""

    index: int
    upload: Uploaded | None = None
    error: UploadRefusal | None = None


class UploadOutcomes(msgspec.Struct, frozen=True, kw_only=True):
    """``items`` in the order of the request; ``accepted`` of them were stored, or were there."""

    accepted: int
    items: list[UploadOutcome]


class NewContent(Wishes, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``content`` is Markdown as text, or any JSON. ``source_type``: ``markdown`` or ``json``. ``async`` is the
    default here."""

    source_type: str
    content: Any
    is_async: bool = msgspec.field(default=True, name="async")


_decode = msgspec.json.Decoder(NewDocument).decode


@route(
    "POST",
    "/documents/batch",
    status=202,
    max_body=LARGEST_TEXT,
    errors=(INVALID,),
    examples={"body": {"documents": [{"text": "Roses want sun.", "filename": "roses.txt", "collection": "books"}]}},
)
async def post_documents(request: ApiRequest, body: NewDocuments) -> UploadOutcomes:
    """Upload up to 100 documents as text or chunks. Each has its own outcome; it costs one token of the rate."""
    await spend(request)
    items = [await _outcome(request, at, raw) for at, raw in enumerate(body.documents)]
    return UploadOutcomes(accepted=sum(item.error is None for item in items), items=items)


@route(
    "POST",
    "/content/ingest",
    status=202,
    max_body=LARGEST_TEXT,
    errors=UPLOADING,
    examples={"body": {"source_type": "markdown", "content": "# Roses\n\nThey want sun.", "collection": "books"}},
)
async def ingest_content(request: ApiRequest, body: NewContent, query: Upload) -> Answer[Uploaded] | Answer[Ingested]:
    """Take in Markdown or JSON. Answered as an upload is."""
    await spend(request)
    if body.source_type in _ELSEWHERE:
        raise invalid(
            f"content is not fetched from {body.source_type} here; export it as Markdown or JSON, and send that",
            "source_type",
        )
    if body.source_type not in _HERE:
        raise invalid(f"{body.source_type[:40]!r} is not one of {', '.join(_HERE)}", "source_type")
    suffix = {"markdown": "md", "json": "json"}[body.source_type]
    name = body.filename or f"{body.document_id or body.source_id or body.title or 'content'}.{suffix}"
    kind = {"markdown": Kind.MARKDOWN, "json": Kind.JSON}[body.source_type]
    adding = add(request, body, _content(body), name, media_type=kind.value, source_type=body.source_type)
    return await answered(request, body, adding, query)


@route("GET", "/content/{id}/status", errors=(NO_DOCUMENT,))
async def content_status(request: ApiRequest, id: str, query: Waiting) -> StatusView:
    """Read how far ingested content is; the same as ``GET /documents/{id}/status``."""
    return await status_of(request, await library_of(request).documents.get(id), query.wait)


def _content(body: NewContent) -> bytes:
    if body.source_type == "markdown":
        if not isinstance(body.content, str) or not body.content.strip():
            raise invalid("Markdown is a text that is not empty", "content")
        return body.content.encode("utf-8", "surrogatepass")
    if body.content in (None, "", [], {}):
        raise invalid("it is empty", "content")
    return msgspec.json.encode(body.content)


async def _outcome(request: ApiRequest, index: int, raw: msgspec.Raw) -> UploadOutcome:
    try:
        body = _decode(raw)
        added = await stored_text(request, body, index)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        field = path.rstrip("`").removeprefix("$.").removeprefix("$") or None
        return UploadOutcome(index=index, error=UploadRefusal(code="invalid", message=text, field=field))
    except (DocumentsError, ApiError) as error:
        refused = error if isinstance(error, ApiError) else answer_of(error)
        if not isinstance(refused, ApiError):
            raise
        refusal = UploadRefusal(code=str(refused.code), message=refused.message, field=refused.field)
        return UploadOutcome(index=index, error=refusal)
    if added.job is None:
        return UploadOutcome(index=index, upload=present(added.document))
    return UploadOutcome(index=index, upload=queued(added.document, added.job.id))


ENDPOINTS = (post_documents, ingest_content, content_status)
