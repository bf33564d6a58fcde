"""Its part of the API."""

import msgspec

from abaca.http import ApiRequest, Scope, endpoint


class Letter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A letter to greet by."""

    text: str


class Length(msgspec.Struct, frozen=True, kw_only=True):
    """How long a letter is."""

    length: int


@endpoint("POST", "/letters", scope=Scope.WRITE, max_body="greeting.largest")
async def post_letter(request: ApiRequest, body: Letter) -> Length:
    """Measure a letter."""
    await request.spend("letter", limit=60, burst=2)
    return Length(length=len(body.text))


ENDPOINTS = (post_letter,)
