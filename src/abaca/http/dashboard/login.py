"""Logging in with an API key, which gives a session with the key's scopes, and out."""

from __future__ import annotations

from abaca.http.caller import Caller
from abaca.http.dashboard.desk import Desk, redirect
from abaca.http.dashboard.pages import Form, act, page
from abaca.http.errors import ApiError
from abaca.http.replies import Reply
from abaca.http.sessions import begin_session, cookie_header, end_session, session_token


@page("/login", scope=None)
async def show_login(desk: Desk) -> Reply:
    return desk.page("login.html", next=local_path(desk.request.query_params.get("next", "")), wrong="")


@act("/login", scope=None)
async def log_in(desk: Desk, form: Form) -> Reply:
    """A wrong key counts against the address that it came from, as it does in the API."""
    scope = desk.request.scope
    key = form.get("key", "").strip()
    shown = {b"authorization": b"Bearer " + key.encode("latin-1", "replace")}
    caller = await desk.api.service.callers.of(desk.app.client(), scope, shown)
    target = local_path(form.get("next", ""))
    if isinstance(caller, ApiError):
        wrong = "This key is unknown, or it was revoked." if key else "Give a key."
        return desk.page("login.html", status=401, next=target, wrong=wrong)
    token = await begin_session(desk.app.client(), caller)
    return _with_cookie(desk, redirect(f"{desk.prefix}{target}", _welcome(caller)), token)


@act("/logout", scope=None)
async def log_out(desk: Desk, form: Form) -> Reply:
    token = session_token(dict(desk.request.scope["headers"]))
    if token:
        await end_session(desk.app.client(), token)
    return _with_cookie(desk, desk.see_other("/login", "You are logged out."), "")


def _welcome(caller: Caller) -> str:
    return f"Logged in as {caller.name}." if caller.name else "Logged in."


def _with_cookie(desk: Desk, reply: Reply, token: str) -> Reply:
    cookie = cookie_header(token, secure=desk.request.url.scheme == "https")
    return Reply(reply.status, reply.body, [*reply.headers, (b"set-cookie", cookie.encode())])


def local_path(path: str) -> str:
    """Where to go after the login: a page of ours, whatever the link says."""
    return path if path.startswith("/ui") and not any(word in path for word in ("//", "\\", "\n", "\r")) else "/ui"


HANDLERS = (show_login, log_in, log_out)
