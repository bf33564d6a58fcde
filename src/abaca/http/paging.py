"""Pages and waits: the query parameters that mean the same everywhere."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from abaca.http.errors import malformed
from abaca.http.replies import Items
from abaca.http.requests import ApiRequest
from abaca.model import Record

T = TypeVar("T")

MOST_WAIT = 60


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a request that needs none."""


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """``limit``: items of one page. ``cursor``: the ``next_cursor`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: str | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """``wait``: seconds that the answer may be held back for what is asked for to happen."""

    wait: Annotated[float, Meta(ge=0, le=MOST_WAIT)] = 0


def sealed(position: str | None) -> str | None:
    """A cursor that is one word in a URL."""
    return None if position is None else urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


def opened(cursor: str | None) -> str | None:
    """What was sealed. Raises ``ApiError`` for anything else."""
    if cursor is None:
        return None
    try:
        return b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise malformed("the cursor is none that this service gave", "cursor") from error


async def record_page(request: ApiRequest, kind: str, paging: Paging, make: Callable[[Record], T]) -> Items[T]:
    """A page of records of one kind, in the order of their ids."""
    after = opened(paging.cursor) or ""
    found = await request.ask(lambda backend: backend.scan(kind, after, paging.limit + 1))
    page = found[: paging.limit]
    more = len(found) > paging.limit
    return Items(items=[make(record) for record in page], next_cursor=sealed(page[-1].id) if more else None)
