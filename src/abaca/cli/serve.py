"""``abaca serve``"""

from __future__ import annotations

import importlib
from typing import Annotated, Any, cast

from cyclopts import Parameter

from abaca.app import App
from abaca.cli.loops import run_fast
from abaca.cli.session import Given, Session
from abaca.config import Settings, hide_passwords
from abaca.errors import ConfigError
from abaca.logs import configure_logs
from abaca.plugins import usable_plugins
from abaca.worker.loading import load_app
from abaca.worker.signals import take_back_signals

_NAMES = ("host", "port", "auth", "max_body", "rate", "drain")


def serve(
    application: Annotated[
        str | None, Parameter(name="APP", help="Tasks whose arguments it checks, as module:attribute; it needs none.")
    ] = None,
    /,
    *,
    host: Annotated[str | None, Parameter(help="The address to listen at. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, Parameter(help="The port; 0 is any free one. [default: 8000]")] = None,
    auth: Annotated[
        bool | None, Parameter(help="Ask for a key, or do not. [default: as soon as the store has a key]")
    ] = None,
    max_body: Annotated[str | None, Parameter(help="The largest request, as 1MiB. [default: 1MiB]")] = None,
    rate: Annotated[
        int | None, Parameter(help="Requests a minute of a key without a rate. [default: no limit]")
    ] = None,
    drain: Annotated[str | None, Parameter(help="What requests have at shutdown. [default: 10s]")] = None,
    log_format: Annotated[str | None, Parameter(help="text or json. [default: text]")] = None,
    log_level: Annotated[str | None, Parameter(help="debug, info, warning, error. [default: info]")] = None,
    session: Given,
) -> int:
    """Answer over HTTP until SIGTERM or SIGINT: the API under /api/v1, its description at /api/v1/docs, the
    dashboard at /ui.

    Without keys it answers this machine alone; `abaca keys create` makes one.
    """
    settings = session.settings(
        serve__host=host,
        serve__port=port,
        serve__auth=None if auth is None else ("on" if auth else "off"),
        serve__max_body=max_body,
        serve__rate=rate,
        serve__drain=drain,
        log__format=log_format,
        log__level=log_level,
    )
    configure_logs(settings.log.format, settings.log.level)
    take_back_signals()
    run_fast(_serve(session, settings, application))
    return 0


async def _serve(session: Session, settings: Settings, application: str | None) -> None:
    server: Any = _server()
    value = {name: settings.source(f"serve.{name}").value for name in _NAMES}
    auth = {"on": True, "off": False}.get(value["auth"])
    http = server.HttpSettings(auth=auth, max_body=value["max_body"], rate=value["rate"])
    async with _app(settings, application) as app:
        server.collect_less_often()
        await server.serve(app, http, value["host"], value["port"], value["drain"])


def _app(settings: Settings, application: str | None) -> App:
    if application is None:
        place = {name: settings.source(name).value for name in ("results", "results_above")}
        return App(settings.url, plugins=usable_plugins(), **place)
    app = cast("App", load_app(application))
    asked = settings.source("url")
    if asked.origin == "--url" and asked.value != app.url:
        raise ConfigError(
            f"--url is {asked.shown}, but the application names its own store {hide_passwords(app.url)}; "
            "leave --url out, or make the application with App() and no url"
        )
    return app


def _server() -> Any:
    try:
        return importlib.import_module("abaca.http.server")
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("abaca"):
            raise
        raise ConfigError(f"abaca serve needs {error.name!r}; install abaca[server]") from error
