"""Which writer an app has, by its settings."""

from __future__ import annotations

from urllib.parse import urlsplit

from abaca import App, ConfigError
from abaca_strategies.settings import value
from abaca_strategies.writing.offline import TemplateWriter
from abaca_strategies.writing.protocol import StrategyWriter
from abaca_strategies.writing.serving import ServedWriter


def writer_of(app: App) -> StrategyWriter:
    """The server that the settings name, otherwise templates. Raises ``ConfigError`` for half a setting."""
    url, model = value(app, "strategies.writer"), value(app, "strategies.writer_model")
    if not url:
        return TemplateWriter()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"strategies.writer: {url!r} is no address; give the base, such as http://host:8080/v1")
    if not model:
        raise ConfigError("strategies.writer_model: a server writes strategies, but with which model is not said")
    return ServedWriter(
        url, model, value(app, "strategies.writer_key"), timeout=value(app, "strategies.writer_timeout")
    )
