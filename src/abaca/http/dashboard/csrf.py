"""Forms come from our own pages: each carries a token that no other site can know."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from abaca.http.caller import Caller
from abaca.http.errors import ApiError, Code

COOKIE = "abaca_form"
FIELD = "csrf"
_OTHER_SITES = {"cross-site", "same-site"}


def needs_cookie(caller: Caller) -> bool:
    """Whether the token is one of our own: nobody has logged in, and a page of another site could post as well."""
    return caller.csrf is None and not caller.key


def token_of(caller: Caller, cookie: str) -> str:
    """What forms carry: the session's token; without a session the one of a cookie, or a fresh one for it."""
    if caller.csrf is not None:
        return caller.csrf
    return _cookie(cookie) or secrets.token_urlsafe(24)


def cookie_of(token: str) -> bytes:
    return f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict".encode()


def check_form(caller: Caller, headers: Mapping[str, str], given: str) -> None:
    """Raises ``ApiError`` 403 for a form that did not come from a page of ours."""
    origin = headers.get("origin", "null")  # "null" is what browsers send where the referrer is kept from everyone
    elsewhere = origin != "null" and urlsplit(origin).netloc != headers.get("host", "")
    if headers.get("sec-fetch-site") in _OTHER_SITES or elsewhere:
        raise _refused("this form was sent by a page of another site")
    if caller.csrf is None and not needs_cookie(caller):
        return  # a key in a header, which no form can send
    wanted = caller.csrf or _cookie(headers.get("cookie", ""))
    if not wanted or not hmac.compare_digest(wanted.encode(), given.encode()):
        raise _refused("this form does not carry the token of your session; go back, reload the page, and try again")


def _refused(why: str) -> ApiError:
    return ApiError(403, Code.FORBIDDEN, f"{why}; nothing was done")


def _cookie(text: str) -> str:
    try:
        found = SimpleCookie(text).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""
