"""How these routes are declared: the scope ``documents``, and which error is which answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from abaca import ConfigError
from abaca.http import ApiError, ApiRequest, Code, Endpoint, endpoint
from abaca_documents.embedding.weights import ModelMissing
from abaca_documents.errors import (
    BlobDamaged,
    BlobNotFound,
    ChunkNotFound,
    CollectionAlreadyExists,
    CollectionNotEmpty,
    CollectionNotFound,
    Conflict,
    DocumentAlreadyExists,
    DocumentNotFound,
    DuplicateDocument,
    EmbedderAway,
    EmbedderFailed,
    EmbedderRefused,
    InvalidTransition,
    ParseFailed,
    StoreUnavailable,
    TooLarge,
    UnsupportedMediaType,
    ValidationError,
)
from abaca_documents.library import Library
from abaca_documents.settings import value
from abaca_documents.submitting import By
from abaca_sandbox import SandboxUnavailable

SCOPE = "documents"
Refusal = tuple[int, str]
NO_DOCUMENT: Refusal = (404, "document_not_found")
NO_COLLECTION: Refusal = (404, "collection_not_found")
NO_CHUNK: Refusal = (404, "chunk_not_found")
DOCUMENT_EXISTS: Refusal = (409, "document_exists")
COLLECTION_EXISTS: Refusal = (409, "collection_exists")
NOT_EMPTY: Refusal = (409, "collection_not_empty")
DUPLICATE: Refusal = (409, "duplicate_document")
CONFLICT: Refusal = (409, Code.CONFLICT.value)
NO_IMPORTS: Refusal = (403, "import_folder_not_set")
GONE: Refusal = (410, "content_gone")
TOO_LARGE: Refusal = (413, Code.TOO_LARGE.value)
UNSUPPORTED: Refusal = (415, Code.UNSUPPORTED_TYPE.value)
UNREADABLE: Refusal = (422, "unreadable_document")
INVALID: Refusal = (422, Code.INVALID.value)
DAMAGED: Refusal = (500, "content_damaged")
EMBEDDER_REFUSED: Refusal = (502, "embedder_refused")
NO_EMBEDDER: Refusal = (503, "embedder_unavailable")
NO_MODEL: Refusal = (503, "model_missing")
NO_SANDBOX: Refusal = (503, "sandbox_unavailable")
NOT_SET_UP: Refusal = (503, "documents_not_set_up")
STORE_AWAY: Refusal = (503, Code.STORE_UNAVAILABLE.value)
EMBEDDING = (EMBEDDER_REFUSED, NO_EMBEDDER, NO_MODEL)
UPLOADING = (
    NO_COLLECTION,
    DOCUMENT_EXISTS,
    DUPLICATE,
    CONFLICT,
    TOO_LARGE,
    UNSUPPORTED,
    UNREADABLE,
    INVALID,
    NOT_SET_UP,
)

REFUSALS: Mapping[type[Exception], Refusal] = {
    DocumentNotFound: NO_DOCUMENT,
    CollectionNotFound: NO_COLLECTION,
    ChunkNotFound: NO_CHUNK,
    DocumentAlreadyExists: DOCUMENT_EXISTS,
    CollectionAlreadyExists: COLLECTION_EXISTS,
    CollectionNotEmpty: NOT_EMPTY,
    Conflict: CONFLICT,
    InvalidTransition: CONFLICT,
    DuplicateDocument: DUPLICATE,
    BlobNotFound: GONE,
    BlobDamaged: DAMAGED,
    TooLarge: TOO_LARGE,
    UnsupportedMediaType: UNSUPPORTED,
    ParseFailed: UNREADABLE,
    ValidationError: INVALID,
    StoreUnavailable: STORE_AWAY,
    ConfigError: NOT_SET_UP,
    EmbedderRefused: EMBEDDER_REFUSED,
    EmbedderAway: NO_EMBEDDER,
    EmbedderFailed: NO_EMBEDDER,
    ModelMissing: NO_MODEL,
    SandboxUnavailable: NO_SANDBOX,
}
_RETRY_AFTER = "2"


def route(method: str, path: str, **options: Any) -> Callable[[Callable[..., Any]], Endpoint]:
    """An endpoint of the scope ``documents``, whose errors of this application are answers."""
    return endpoint(method, path, scope=SCOPE, refusal=answer_of, **options)


def answer_of(error: Exception) -> Exception:
    """The answer that an error is; the error itself where nobody foresaw it."""
    refusal = REFUSALS.get(type(error))
    if refusal is None:
        return error
    status, code = refusal
    match error:
        case ValidationError():
            return ApiError(status, code, error.reason, field=error.field)
        case DuplicateDocument():
            return ApiError(status, code, str(error), details={"document_id": error.existing})
        case _:
            headers = {"Retry-After": _RETRY_AFTER} if status == 503 and refusal is not NOT_SET_UP else {}
            return ApiError(status, code, str(error), headers=headers)


class Opened:
    """What a service has open of the library: closed with it."""

    def __init__(self, service: Any) -> None:
        self.library = Library.of(service.app)

    async def close(self) -> None:
        await self.library.close()


def library_of(request: ApiRequest) -> Library:
    return request.service.piece(Opened).library


def caller(request: ApiRequest) -> By:
    return By(owner=request.caller.owner, id=request.new_id)


async def spend(request: ApiRequest) -> None:
    """Take the one token that a request costs, whatever it holds. Raises ``ApiError`` (429)."""
    limit, burst = value(request.app, "documents.rate"), value(request.app, "documents.burst")
    await request.spend("documents", limit=limit, burst=burst)
