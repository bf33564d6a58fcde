"""Structured logs. Importing this module costs nothing: structlog is loaded at the first line that is written."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from abaca.text import escape, safe_repr

LogFormat = Literal["text", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """``level`` is the name of a standard logging level, in lower case."""

    format: LogFormat = "text"
    level: str = "info"


@cache
def worker_log() -> Any:
    """The logger of everything a worker does. Per-job lines are at debug level."""
    return importlib.import_module("structlog").get_logger("abaca.worker")


@cache
def service_log() -> Any:
    """The logger of the service over HTTP."""
    return importlib.import_module("structlog").get_logger("abaca.http")


def app_log() -> Any:
    """What an app says outside of runs and requests."""
    return importlib.import_module("structlog").get_logger("abaca.app")


def configure_logs(format: LogFormat = "text", level: str = "info") -> None:
    """Set up logs for a process that is Abaca's own (the command line); a library user's set-up is left alone."""
    structlog = importlib.import_module("structlog")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *_renderers(structlog, format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def adopt_standard_logs(format: LogFormat = "text", level: str = "info") -> None:
    """Write lines of standard ``logging`` in the same form and to the same place, with what surrounds them.

    For a process that is Abaca's own, once it has loaded the application: one that has set logging up by itself is left
    alone.
    """
    root = logging.getLogger()
    if any(not type(handler).__module__.startswith("abaca.") for handler in root.handlers):
        return
    structlog = importlib.import_module("structlog")
    stdlib = importlib.import_module("structlog.stdlib")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                stdlib.add_log_level,
                stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *_renderers(structlog, format),
            ],
        )
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    handler.setLevel(number)
    root.addHandler(handler)
    root.setLevel(number)


def _renderers(structlog: Any, format: LogFormat) -> list[Any]:
    if format == "json":
        return [structlog.processors.JSONRenderer()]
    return [escape_line, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def escape_line(_logger: object, _level: str, line: Mapping[str, Any]) -> dict[str, Any]:
    """A structlog processor for logs that people read: what a job brings can neither begin a line nor steer a terminal.

    A traceback keeps its lines, each indented. (JSON escapes by itself.)
    """
    escaped = {escape(name): _escaped(value) for name, value in line.items()}
    if isinstance(line.get("exception"), str):
        escaped["exception"] = "\n".join(f"    {escape(part)}" for part in line["exception"].split("\n"))
    return escaped


def _escaped(value: object) -> object:
    if isinstance(value, bool | int | float | None):
        return value
    return escape(value if isinstance(value, str) else safe_repr(value))
