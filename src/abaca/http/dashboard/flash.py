"""What a form has done, said once on the next page: it travels in a cookie that the page takes away."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, unquote

NAME = "abaca_said"
_MOST = 600

Headers = list[tuple[bytes, bytes]]


def read_flash(cookie: str) -> str:
    """The words, as plain text of a bounded length; a page escapes them like anything else."""
    try:
        found = SimpleCookie(cookie).get(NAME)
    except CookieError:
        return ""
    return unquote(found.value)[:_MOST] if found is not None else ""


def with_flash(headers: Headers, said: str) -> Headers:
    """The headers with the cookie set, or with no words, taken away."""
    age = 60 if said else 0
    value = f"{NAME}={quote(said[:_MOST], safe='')}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict"
    return [*headers, (b"set-cookie", value.encode())]
