"""One request of a page: who looks, what of the store they may see, where links lead, and how a page is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from litestar import Request

from abaca.app import App
from abaca.backend import Backend
from abaca.clock import SystemClock
from abaca.http.caller import Caller, Scope
from abaca.http.dashboard import assets
from abaca.http.dashboard.csrf import cookie_of, needs_cookie, token_of
from abaca.http.dashboard.flash import Headers, read_flash, with_flash
from abaca.http.dashboard.rendering import Packages, render
from abaca.http.replies import Reply
from abaca.http.requests import ApiRequest
from abaca.http.service import Service
from abaca.model import Job
from abaca.views import JobView, job_views

T = TypeVar("T")

UI = "/ui"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
Param = str | int | Iterable[str] | None


class Desk:
    """``now`` is the clock that relative times are counted from; a page sets it to the store's where it has read it."""

    def __init__(self, request: Request[Any, Any, Any], service: Service) -> None:
        state = request.scope["state"]
        self.request = request
        admitted = state.get("abaca.caller")
        self.caller = admitted if isinstance(admitted, Caller) else Caller()
        self.api = ApiRequest(request, service, self.caller, state["abaca.request_id"])
        self.prefix: str = state.get("abaca.prefix", "")
        self.now = SystemClock().now()

    @property
    def app(self) -> App:
        return self.api.app

    @property
    def owner(self) -> str | None:
        """Whose jobs are listed; ``None`` for a caller who sees all."""
        return None if self.caller.is_admin else self.caller.owner or ""

    async def ask(self, verb: Callable[[Backend], Awaitable[T]]) -> T:
        return await self.api.ask(verb)

    async def clock(self) -> int:
        """The store's clock, from which a page's lengths of time are counted."""
        self.now = (await self.ask(lambda backend: backend.stats())).seen_at
        return self.now

    async def job(self, id: str) -> Job:
        return await self.api.job(id)

    async def views(self, jobs: Iterable[Job]) -> list[JobView]:
        """The jobs as they are shown, with secret arguments masked."""
        return await job_views(self.api, list(jobs))

    def url(self, path: str, params: Mapping[str, Param] | None = None, **more: Param) -> str:
        """A link inside the dashboard. Parameters that are ``None`` or empty are left out."""
        pairs: list[tuple[str, str]] = []
        for name, value in {**(params or {}), **more}.items():
            values = [value] if isinstance(value, str | int) else value or ()
            pairs += [(name, str(each)) for each in values if each != ""]
        query = urlencode(pairs)
        return f"{self.prefix}{UI}{quote(path)}" + (f"?{query}" if query else "")

    def asset(self, name: str) -> str:
        """The address of a file that a page loads; of a plugin: ``compile/editor.js``."""
        plugin, _, file = name.rpartition("/")
        _, _, mark = assets.read(file, self.package(plugin) if plugin else assets.OWN)
        return f"{self.prefix}{UI}/assets/{name}?v={mark}"

    def package(self, plugin: str) -> str:
        """The package of a plugin's templates and assets; empty where this app has no such plugin with pages."""
        return next((package for name, package in self._packages() if name == plugin), "")

    def _packages(self) -> Packages:
        return tuple((plugin.name, plugin.package) for plugin in self.app.plugins.declared if plugin.pages)

    def page(self, template: str, *, status: int = 200, now: int | None = None, **context: Any) -> Reply:
        """A whole page. ``here`` in the context names the entry of the navigation that it belongs to."""
        self.now = now or self.now
        cookie = self.request.headers.get("cookie", "")
        token = token_of(self.caller, cookie)
        base = {
            "desk": self,
            "csrf": token,
            "url": self.url,
            "now": self.now,
            "who": self.caller,
            "may_write": self.caller.may(Scope.WRITE),
            "may_admin": self.caller.is_admin,
            "flash": read_flash(cookie),
            "here": "",
            "plugins": [plugin for plugin in self.app.plugins.declared if plugin.title],
            "stream": self.api.url("/events"),
        }
        headers = [(b"set-cookie", cookie_of(token))] if needs_cookie(self.caller) else []
        if base["flash"]:
            headers = with_flash(headers, "")
        return html(status, render(template, {**base, **context}, self._packages()), headers)

    def see_other(self, path: str, said: str = "", params: Mapping[str, Param] | None = None) -> Reply:
        """Lead the browser to a page after a form, which shows ``said`` once."""
        return redirect(self.url(path, params), said)


def html(status: int, body: bytes, more: Headers) -> Reply:
    headers = [
        *more,
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"content-security-policy", CSP.encode()),
        (b"referrer-policy", b"same-origin"),  # with less, browsers would not say where a form comes from
    ]
    return Reply(status, body, headers)


def text(words: str) -> Reply:
    """A few words for the script."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(words.encode())).encode())]
    return Reply(200, words.encode(), headers)


def redirect(location: str, said: str = "") -> Reply:
    headers = [(b"location", location.encode()), (b"content-length", b"0")]
    return Reply(303, b"", with_flash(headers, said) if said else headers)
