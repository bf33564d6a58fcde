"""``/documents/import`` and the archives of collections: many documents by one job, and a collection as one file."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

import msgspec
from msgspec import Meta

from abaca.http import (
    ANY_SIZE,
    FORM_DATA,
    Answer,
    ApiError,
    ApiRequest,
    Code,
    FileForm,
    Reply,
    file_form,
    invalid,
    media_type,
)
from abaca_documents.library import Library
from abaca_documents.model import (
    ChunkingStrategy,
    DuplicatePolicy,
    ImportKind,
    ImportPayload,
    Metadata,
    check_metadata,
)
from abaca_documents.pipeline.exporting import export_collection
from abaca_documents.pipeline.sources import inside_folder
from abaca_documents.settings import value
from abaca_documents.web.bodies import converted
from abaca_documents.web.declaring import (
    CONFLICT,
    INVALID,
    NO_COLLECTION,
    NO_IMPORTS,
    TOO_LARGE,
    caller,
    library_of,
    route,
    spend,
)
from abaca_documents.web.sending import FileReply, safe_headers
from abaca_documents.web.starting import Started, accepted
from abaca_documents.web.uploading import wanted_chunking

_LARGEST_JSON = 1 << 20
_UPLOADED = (ImportKind.ZIP, ImportKind.JSONL, ImportKind.COLLECTION)
_ZIP = b"PK"
_BY_SUFFIX = {".zip": ImportKind.ZIP, ".jsonl": ImportKind.JSONL, ".ndjson": ImportKind.JSONL}


class Import(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Chunking is the collection's where it is not given. ``metadata`` goes to every document."""

    collection: str = "default"
    kind: ImportKind | None = None
    chunking_strategy: ChunkingStrategy | None = None
    chunk_size: int | None = None
    chunk_overlap: int | None = None
    extract_metadata: bool = False
    metadata: Metadata = {}
    on_duplicate: DuplicatePolicy = DuplicatePolicy.SKIP


class ImportForm(Import, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form with an archive. ``kind``: ``zip``, ``jsonl``, or ``collection`` for what ``export`` wrote; told by the
    content between the first two where it is not given."""

    file: Annotated[str, Meta(extra_json_schema={"contentMediaType": "application/octet-stream"})]


class ImportPath(Import, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``path``: below the folder that the operator has set, on the machine of the service and its workers. ``pattern``:
    which files of a folder."""

    path: str
    pattern: str = "**/*"


class ArchiveForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form with an archive that ``export`` wrote."""

    file: Annotated[str, Meta(extra_json_schema={"contentMediaType": "application/zip"})]
    on_duplicate: DuplicatePolicy = DuplicatePolicy.SKIP


@route(
    "POST",
    "/documents/import",
    status=202,
    max_body=ANY_SIZE,
    takes={FORM_DATA: ImportForm, "application/json": ImportPath},
    errors=(NO_COLLECTION, NO_IMPORTS, TOO_LARGE, CONFLICT, INVALID),
    examples={"body": {"path": "manuals", "kind": "folder", "collection": "books", "pattern": "**/*.md"}},
)
async def import_documents(request: ApiRequest) -> Answer[Started]:
    """Import many documents by one job: an archive that is uploaded, or a path below the folder that the setting
    ``documents.import_folder`` names.

    ``GET /jobs/{job_id}/events`` has the outcome of each item. A line of JSONL is ``{"text", "filename", "document_id",
    "source_id", "metadata"}``. The collection is made where it is missing.
    """
    await spend(request)
    if media_type(request) == FORM_DATA:
        library = library_of(request)
        async with file_form(request, library.incoming(), value(request.app, "documents.max_import")) as form:
            return await request.once(form.asked, lambda: _uploaded(request, form, form.fields))
    body = await request.json(ImportPath, _LARGEST_JSON)
    return await request.once(await request.body(), lambda: _of_path(request, body))


@route("GET", "/collections/{name}/export", errors=(NO_COLLECTION,))
async def get_export(request: ApiRequest, name: str) -> Reply:
    """Read a collection as one zip archive: its settings, its documents with their metadata, and their bytes. Vectors
    are not in it; whoever takes it in embeds anew."""
    return await _exported(request, name)


@route("POST", "/collections/{name}/export", errors=(NO_COLLECTION,))
async def post_export(request: ApiRequest, name: str) -> Reply:
    """Read a collection as one zip archive; the same as ``GET``."""
    return await _exported(request, name)


@route(
    "POST",
    "/collections/{name}/import",
    status=202,
    max_body=ANY_SIZE,
    takes={FORM_DATA: ArchiveForm},
    errors=(TOO_LARGE, CONFLICT, INVALID),
)
async def import_collection(request: ApiRequest, name: str) -> Answer[Started]:
    """Take the documents of an archive that ``export`` wrote into a collection, by one job. The collection is made
    where it is missing; their ids stay where it has the name that it had."""
    await spend(request)
    if media_type(request) != FORM_DATA:
        raise ApiError(415, Code.UNSUPPORTED_TYPE, f"send the archive as a form, {FORM_DATA}, in a field called file")
    library = library_of(request)
    async with file_form(request, library.incoming(), value(request.app, "documents.max_import")) as form:
        fields = {**form.fields, "collection": name, "kind": ImportKind.COLLECTION.value}
        return await request.once(form.asked, lambda: _uploaded(request, form, fields))


async def _uploaded(request: ApiRequest, form: FileForm, fields: dict[str, str]) -> Answer[Started]:
    body = converted(fields, Import)
    if form.path is None or not form.size:
        raise invalid("the form holds no file, or an empty one; send it in a field of this name", "file")
    kind = body.kind or (ImportKind.ZIP if form.head.startswith(_ZIP) else ImportKind.JSONL)
    if kind not in _UPLOADED:
        known = ", ".join(each.value for each in _UPLOADED)
        raise invalid(f"a {kind.value} cannot be uploaded; {known} can", "kind")
    library = library_of(request)
    payload = await _payload(library, body, kind)
    return accepted(request, (await library.import_many(payload, form.path, by=caller(request))).id)


async def _of_path(request: ApiRequest, body: ImportPath) -> Answer[Started]:
    folder = value(request.app, "documents.import_folder")
    if not folder:
        status, code = NO_IMPORTS
        message = "this service imports from no folder of its machine; the setting documents.import_folder names one"
        raise ApiError(status, code, message, field="path")
    found = await asyncio.to_thread(inside_folder, folder, body.path)
    kind = body.kind or (ImportKind.FOLDER if found.is_dir() else _BY_SUFFIX.get(found.suffix, ImportKind.JSONL))
    if found.is_dir() != (kind is ImportKind.FOLDER):
        raise invalid(f"it is {'a' if found.is_dir() else 'no'} folder", "kind")
    library = library_of(request)
    payload = msgspec.structs.replace(await _payload(library, body, kind), path=str(found), pattern=body.pattern)
    return accepted(request, (await library.import_many(payload, by=caller(request))).id)


async def _payload(library: Library, body: Import, kind: ImportKind) -> ImportPayload:
    """Raises ``ValidationError``."""
    check_metadata(body.metadata)
    chunking = await wanted_chunking(library, body)
    return ImportPayload(
        collection=body.collection,
        kind=kind,
        chunking_strategy=chunking.strategy,
        chunk_size=chunking.size,
        chunk_overlap=chunking.overlap,
        extract_metadata=body.extract_metadata,
        metadata=body.metadata,
        on_duplicate=body.on_duplicate,
    )


async def _exported(request: ApiRequest, name: str) -> Reply:
    library = library_of(request)
    await library.documents.get_collection(name)
    folder = library.incoming()
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    path = folder / secrets.token_hex(16)
    try:
        await export_collection(library.opened().parts, name, path)
        headers = safe_headers(f"{name}.zip", "application/zip", path.name, b"", inline=False)
        return FileReply(path, headers)
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


ENDPOINTS = (import_documents, get_export, post_export, import_collection)
