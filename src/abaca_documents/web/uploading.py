"""``POST /documents``: a document is stored, and its job takes it in."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.http import (
    ANY_SIZE,
    FORM_DATA,
    Answer,
    ApiRequest,
    FileForm,
    file_form,
    invalid,
    media_type,
)
from abaca_documents.errors import CollectionNotFound, ParseFailed
from abaca_documents.library import Added, Library
from abaca_documents.model import (
    ChunkSettings,
    DocumentStatus,
    check_collection,
    check_document_id,
    check_filename,
    check_metadata,
)
from abaca_documents.parsing.kinds import check_head
from abaca_documents.parsing.media import Kind
from abaca_documents.parsing.premade import packed
from abaca_documents.settings import value
from abaca_documents.web.bodies import (
    LARGEST_TEXT,
    Cut,
    NewDocument,
    UploadForm,
    Wishes,
    base_name,
    check_id,
    chunking_of,
    converted,
)
from abaca_documents.web.declaring import UPLOADING, caller, library_of, route, spend
from abaca_documents.web.views import Ingested, Uploaded, ended, present, queued, revision_by

MOST_WAIT = 60
TEXT = {"text": "Roses want sun and much water.", "filename": "garden.md", "collection": "books", "async": True}
_ANSWER = {
    "document_id": "5d1c0a9e-6f0e-5b51-9d0c-6a1f2b7c3d4e",
    "job_id": "0199a0c5d7d67c3f8a4be1f2a3b4c500",
    "filename": "garden.md",
    "collection": "books",
    "status": "queued",
    "message": "the document is stored and waits to be taken in",
    "deduplicated": False,
}


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """``wait``: seconds that an answer which is not ``async`` is held back for the document to be taken in."""

    wait: Annotated[float, Meta(ge=0, le=MOST_WAIT)] = MOST_WAIT


async def _upload(request: ApiRequest, query: Upload) -> Answer[Uploaded] | Answer[Ingested]:
    await spend(request)
    if media_type(request) == FORM_DATA:
        library = library_of(request)
        async with file_form(request, library.incoming(), value(request.app, "documents.max_file")) as form:
            return await request.once(form.asked, lambda: _of_form(request, form, query))
    body = await request.json(NewDocument, LARGEST_TEXT)
    return await request.once(await request.body(), lambda: answered(request, body, stored_text(request, body), query))


@route(
    "POST",
    "/documents",
    status=202,
    max_body=ANY_SIZE,
    takes={FORM_DATA: UploadForm, "application/json": NewDocument},
    errors=UPLOADING,
    examples={"body": TEXT, "answer": _ANSWER},
)
async def post_document(request: ApiRequest, query: Upload) -> Answer[Uploaded] | Answer[Ingested]:
    """Upload a document: a form with its file, or JSON with its text or with chunks that were cut elsewhere.

    With ``async`` the answer is 202 as soon as it is stored, and ``GET /jobs/{job_id}/events`` tells how far it is.
    Otherwise the answer is 201 once it was taken in, or 202 where that takes longer than ``wait``. What cannot be
    taken in is answered with ``status: failed`` and an ``error``. Bytes that the collection has already are answered
    with 200 and ``deduplicated: true``. The collection is made where it is missing.
    """
    return await _upload(request, query)


@route(
    "POST",
    "/documents/upload",
    status=202,
    max_body=ANY_SIZE,
    takes={FORM_DATA: UploadForm, "application/json": NewDocument},
    errors=UPLOADING,
    examples={"body": TEXT, "answer": _ANSWER},
)
async def upload_document(request: ApiRequest, query: Upload) -> Answer[Uploaded] | Answer[Ingested]:
    """Upload a document: the same as ``POST /documents``."""
    return await _upload(request, query)


async def _of_form(request: ApiRequest, form: FileForm, query: Upload) -> Answer[Uploaded] | Answer[Ingested]:
    wishes = converted(form.fields, Wishes)
    if form.path is None:
        raise invalid("the form holds no file; send it in a field of this name", "file")
    if not form.size:
        raise ParseFailed("the file is empty")
    check_head(form.head)
    name = wishes.filename or base_name(form.filename) or "document.txt"
    return await answered(request, wishes, add(request, wishes, form.path, name), query)


async def stored_text(request: ApiRequest, body: NewDocument, number: int = 0) -> Added:
    """Raises ``ApiError`` where there is neither text nor chunks, or both."""
    if (body.text is None) == (body.chunks is None):
        raise invalid("give text or chunks, one of the two", "text")
    name = body.filename or f"{body.document_id or body.source_id or 'document'}.txt"
    if body.chunks is not None:
        return await add(request, body, packed(body.chunks), name, number, media_type=Kind.PREMADE.value)
    if not (body.text or "").strip():
        raise invalid("it is empty", "text")
    return await add(request, body, (body.text or "").encode("utf-8", "surrogatepass"), name, number)


async def add(
    request: ApiRequest,
    wishes: Wishes,
    source: Path | bytes,
    name: str,
    number: int = 0,
    *,
    media_type: str = "",
    source_type: str = "",
) -> Added:
    library = library_of(request)
    check_metadata(wishes.metadata)
    if wishes.document_id:
        check_document_id(wishes.document_id)
        check_id(wishes.document_id)
    chunking = await wanted_chunking(library, wishes)
    check_filename(name)
    return await library.add(
        source,
        collection=wishes.collection,
        filename=name,
        document_id=wishes.document_id or None,
        source_id=wishes.source_id,
        title=wishes.title,
        chunking=chunking,
        metadata=wishes.metadata,
        extract_metadata=wishes.extract_metadata,
        num_questions=wishes.num_questions,
        max_pages=wishes.max_pages,
        on_duplicate=wishes.on_duplicate,
        media_type=media_type,
        source_type=source_type or ("text" if isinstance(source, bytes) else "file"),
        by=caller(request),
        number=number,
    )


async def wanted_chunking(library: Library, wishes: Cut) -> ChunkSettings:
    """What is asked for, over what the collection says. Raises ``ValidationError``."""
    check_collection(wishes.collection)
    try:
        default = (await library.documents.get_collection(wishes.collection)).chunking
    except CollectionNotFound:
        default = ChunkSettings()
    chunking = chunking_of(wishes, default)
    chunking.validate()
    return chunking


async def answered(
    request: ApiRequest, wishes: Wishes, adding: Awaitable[Added], query: Upload
) -> Answer[Uploaded] | Answer[Ingested]:
    """The answer to one upload, held back for its end where that is asked for."""
    added = await adding
    headers = {"Location": request.url(f"/documents/{added.document.id}")}
    if added.job is None:
        return Answer(status=200, body=present(added.document), headers=headers)
    if not wishes.is_async and (found := await _ended(request, library_of(request), added, query.wait)) is not None:
        return Answer(status=201, body=found, headers=headers)
    return Answer(status=202, body=queued(added.document, added.job.id), headers=headers)


async def _ended(request: ApiRequest, library: Library, added: Added, seconds: float) -> Ingested | None:
    assert added.job is not None
    job = await request.ended(await request.job(added.job.id), seconds)
    if not job.state.ended:
        return None
    document = await library.documents.get(added.document.id)
    revision = revision_by(document, job.id)
    if revision is None or revision.status in (DocumentStatus.PENDING, DocumentStatus.PROCESSING):
        return None
    return ended(document, revision)


ENDPOINTS = (post_document, upload_document)
