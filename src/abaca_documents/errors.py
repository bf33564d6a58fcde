"""What can go wrong with documents.

DocumentsError
  ValidationError                   a value that cannot be used; also a ValueError
  RepositoryError                   names the operation
    DocumentNotFound, CollectionNotFound, ChunkNotFound
    DocumentAlreadyExists, CollectionAlreadyExists, CollectionNotEmpty
    Conflict                        somebody else changed it meanwhile
  InvalidTransition                 a status that may not follow the one that is there
  DuplicateDocument                 the same bytes, or the same id, under the policy `error`
  IngestError                       the document's own fault; trying again changes nothing
    UnsupportedMediaType, ParseFailed, TooLarge
  BlobError
    BlobNotFound, BlobDamaged
  EmbedderFailed                    vectors could not be made; trying again may help
    EmbedderAway                    a service that was not reached, or is busy
    EmbedderRefused                 a service that will answer the same again
  StoreUnavailable                  a store that was not reached, or is busy
"""

from __future__ import annotations

from collections.abc import Sequence


class DocumentsError(Exception):
    """The base of what this application raises."""


class ValidationError(DocumentsError, ValueError):
    """A value cannot be used. ``field`` names it, as ``metadata.author``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.reason = message


class RepositoryError(DocumentsError):
    """An operation of the repository was refused. ``operation`` names it, ``ids`` what it was about."""

    noun = "document"
    trouble = "was refused"

    def __init__(self, operation: str, *ids: str, more: str = "") -> None:
        shown = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
        super().__init__(f"{operation}: {self.noun} {shown} {self.trouble}{more and '; '}{more}")
        self.operation = operation
        self.ids = ids


class DocumentNotFound(RepositoryError):
    trouble = "is not there"


class CollectionNotFound(RepositoryError):
    noun = "collection"
    trouble = "is not there"


class ChunkNotFound(RepositoryError):
    noun = "chunk"
    trouble = "is not there"


class DocumentAlreadyExists(RepositoryError):
    trouble = "is there already"


class CollectionAlreadyExists(RepositoryError):
    noun = "collection"
    trouble = "is there already"


class CollectionNotEmpty(RepositoryError):
    noun = "collection"
    trouble = "still holds documents"


class Conflict(RepositoryError):
    """What was to be changed is not what it was when it was read. Nothing was changed: read it and decide again."""

    trouble = "was changed by somebody else meanwhile"


class InvalidTransition(DocumentsError):
    """Nothing was changed."""

    def __init__(self, id: str, before: str, after: str, allowed: Sequence[str]) -> None:
        choices = ", ".join(allowed) or "nothing"
        super().__init__(f"document {id}: {after} may not follow {before}, only {choices} may")
        self.id, self.before, self.after = id, before, after


class DuplicateDocument(DocumentsError):
    """``existing`` is the id of the document that is there."""

    def __init__(self, existing: str, message: str) -> None:
        super().__init__(message)
        self.existing = existing


class IngestError(DocumentsError):
    """The document cannot be taken in as it is. Its job fails at once, without another attempt."""


class UnsupportedMediaType(IngestError):
    """No parser for this kind of content is here. The message names the extra that brings one."""


class ParseFailed(IngestError):
    """A parser gave up, ran into a limit, or found no text."""


class TooLarge(IngestError):
    """More bytes, pages, characters or chunks than a limit allows."""


class BlobError(DocumentsError):
    """The blob store."""


class BlobNotFound(BlobError):
    """No blob of this digest is stored."""


class BlobDamaged(BlobError):
    """The bytes do not have the digest they are stored under."""


class EmbedderFailed(DocumentsError):
    """Vectors could not be made, and not because of the text: trying again may help."""


class EmbedderAway(EmbedderFailed):
    """A service that embeds was not reached, or is too busy. Trying again later helps."""


class EmbedderRefused(EmbedderFailed):
    """A service that embeds refuses the request, or gives other vectors than the index takes. Trying again meets the
    same until a setting, or the service, is changed."""


class StoreUnavailable(DocumentsError):
    """A store could not be reached, or was busy for too long. The call may or may not have happened; repeat it."""
