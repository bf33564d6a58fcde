"""Settings: ``abaca.toml``, then ``ABACA_*`` variables, then flags; each later one wins.

A setting has one name, and every source is spelt from it: ``worker.beat`` is the key ``beat`` of the table ``[worker]``
and the variable ``ABACA_WORKER_BEAT``. A source that says nothing leaves the earlier one in force. A key or variable
that is not known, or a value that cannot be used, raises ``ConfigError`` with the setting and its source.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from abaca.config.extensions import extension_settings
from abaca.config.setting import Setting
from abaca.config.values import (
    hide_passwords,
    read_choice,
    read_count,
    read_duration,
    read_host,
    read_hosts,
    read_name,
    read_port,
    read_queues,
    read_seconds,
    read_size,
    read_url,
    read_weights,
)
from abaca.errors import ConfigError
from abaca.logs import LogSettings
from abaca.model import DAY_MS, HOUR_MS, Keep
from abaca.places import DEFAULT_ABOVE, IN_THE_RECORD, place_url
from abaca.text import near_names
from abaca.worker.options import WorkerOptions, default_process_slots

FILE_NAME = "abaca.toml"
FILE_VARIABLE = "ABACA_CONFIG"
DEFAULT_URL = "sqlite:///abaca.db"
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
LOG_FORMATS = ("text", "json")

_NOT_OURS = ("ABACA_TEST_", "ABACA_BUGGIFY", "ABACA_SERVICE_", "ABACA_PORT")
"""The test suite's own, that of ``buggify``, and what Kubernetes sets beside a service that is named ``abaca``."""

_WORKER = WorkerOptions()

SETTINGS = (
    Setting("url", read_url, DEFAULT_URL, "the store", hide_passwords),
    Setting("results", place_url, IN_THE_RECORD, "the place for large results and arguments", hide_passwords),
    Setting("results_above", read_size, DEFAULT_ABOVE, "bytes above which they go there"),
    Setting("worker.queues", read_queues, _WORKER.queues, "queues a worker serves, in order"),
    Setting("worker.weights", read_weights, None, "shares of the queues, as a=3,b=1; without them the order is strict"),
    Setting("worker.processes", read_count, 1, "runner processes"),
    Setting("worker.concurrency", read_count, _WORKER.concurrency, "slots for coroutines and, apart, for threads"),
    Setting("worker.process_slots", read_count, default_process_slots(), 'slots for pool="process" in each runner'),
    Setting("worker.lease", read_seconds, _WORKER.lease, "seconds after which a silent worker's job is run elsewhere"),
    Setting("worker.beat", read_seconds, _WORKER.beat, "seconds between heartbeats; at most a third of the lease"),
    Setting("worker.grace", read_duration, _WORKER.grace, "seconds an interrupted run has before it is killed"),
    Setting("worker.drain", read_duration, _WORKER.drain, "seconds running jobs have at shutdown"),
    Setting("worker.max_jobs_per_child", read_count, _WORKER.max_jobs_per_child, "jobs after which a child is renewed"),
    Setting("worker.max_child_rss", read_size, _WORKER.max_child_rss, "memory above which a child is renewed"),
    Setting("worker.give_up_after", read_seconds, _WORKER.give_up_after, "seconds without the store until it stops"),
    Setting("worker.webhook_allow", read_hosts, (), "networks and hosts, not public, that webhooks may reach"),
    Setting("worker.name", read_name, "", "name in the registry; the worker's id without one"),
    Setting("serve.host", read_host, "127.0.0.1", "the address at which the service listens"),
    Setting("serve.port", read_port, 8000, "its port; 0 is any free one"),
    Setting(
        "serve.auth", read_choice(("auto", "on", "off")), "auto", "whether callers need a key; auto: if there is any"
    ),
    Setting("serve.max_body", read_size, 1 << 20, "bytes of the largest request"),
    Setting("serve.drain", read_duration, 10.0, "seconds requests have at shutdown"),
    Setting("serve.rate", read_count, None, "requests a minute of a key that has no rate of its own; none without it"),
    Setting("keep.completed", read_duration, HOUR_MS / 1000, "seconds a completed job and its result stay"),
    Setting("keep.cancelled", read_duration, DAY_MS / 1000, "seconds a cancelled job stays"),
    Setting("keep.failed", read_duration, 7 * DAY_MS / 1000, "seconds a failed job stays"),
    Setting("log.format", read_choice(LOG_FORMATS), "text", "text or json"),
    Setting("log.level", read_choice(LOG_LEVELS), "info", "least level that is written"),
)


class _Known:
    """The settings that are asked for, and those of other plugins: theirs are checked, so that a misspelt one is found
    whoever reads it, and left alone."""

    def __init__(self, more: Iterable[Setting]) -> None:
        self.asked = (*SETTINGS, *more)
        self._by_name = {setting.name: setting for setting in self.asked}
        self._by_variable = {variable: setting for setting in self.asked for variable in setting.variables}

    def named(self, name: str) -> Setting | None:
        return self._by_name.get(name) or self._others().get(name)

    def of_variable(self, variable: str) -> Setting | None:
        if found := self._by_variable.get(variable):
            return found
        return next((setting for setting in self._others().values() if variable in setting.variables), None)

    @property
    def names(self) -> list[str]:
        return [*self._by_name, *self._others()]

    @property
    def variables(self) -> list[str]:
        return [*self._by_variable, *(each for setting in self._others().values() for each in setting.variables)]

    def is_table(self, name: str) -> bool:
        return any(known.startswith(f"{name}.") for known in self.names)

    @staticmethod
    def _others() -> Mapping[str, Setting]:
        return {setting.name: setting for setting in extension_settings()}


@dataclass(frozen=True, slots=True)
class Sourced:
    """One value and where it came from: ``default``, a file and key, a variable, or a flag."""

    setting: Setting
    value: Any = field(repr=False)
    origin: str

    @property
    def shown(self) -> str:
        """The value as people may see it, secrets hidden."""
        return self.setting.show(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What each component needs, checked. ``sources`` has one entry for each setting that was asked for, in order."""

    url: str = field(repr=False)
    processes: int
    worker: WorkerOptions
    keep: Keep
    log: LogSettings
    sources: tuple[Sourced, ...]

    def source(self, name: str) -> Sourced:
        return next(sourced for sourced in self.sources if sourced.setting.name == name)

    def value(self, name: str) -> Any:
        """Of one setting, for instance of a plugin: ``compile.slots``."""
        return self.source(name).value


@dataclass(frozen=True, slots=True)
class Flag:
    """A value given on the command line, and the flag's own spelling."""

    spelling: str
    value: Any


def load_settings(
    flags: Mapping[str, Flag] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
    more: Iterable[Setting] = (),
) -> Settings:
    """Read every source. ``flags`` holds those that were given, by the setting's name; ``more`` are those of plugins.

    ``file`` is the file to read in place of ``abaca.toml`` in the working directory; it must exist when it is named
    here or by ``ABACA_CONFIG``. Raises ``ConfigError``.
    """
    environ = os.environ if environ is None else environ
    known = _Known(more)
    found = {setting.name: Sourced(setting, setting.default, "default") for setting in known.asked}
    for layer in (_from_file(known, environ, file), _from_environment(known, environ), _from_flags(known, flags or {})):
        found |= {sourced.setting.name: sourced for sourced in layer if sourced.setting.name in found}
    return _compose(found)


def _from_file(known: _Known, environ: Mapping[str, str], file: Path | None) -> list[Sourced]:
    named = file or (Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else None)
    path = named or Path(FILE_NAME)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named is None:
            return []
        raise ConfigError(f"settings file {str(path)!r} is not there") from None
    except OSError as error:
        raise ConfigError(f"settings file {str(path)!r} cannot be read: {error.strerror}") from error
    except ValueError as error:  # also text that is not UTF-8
        raise ConfigError(f"settings file {str(path)!r} is not TOML: {error}") from error
    return [_from_key(known, path, key, raw) for key, raw in _keys(known, document)]


def _keys(known: _Known, document: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Dotted names of what the file sets. A table that is itself a setting's value (weights) stays whole."""
    found: list[tuple[str, Any]] = []
    for key, raw in document.items():
        if isinstance(raw, dict) and known.named(key) is None:
            found += [(f"{key}.{inner}", value) for inner, value in raw.items()] or [(key, raw)]
        else:
            found.append((key, raw))
    return found


def _from_key(known: _Known, path: Path, key: str, raw: Any) -> Sourced:
    setting = known.named(key)
    if setting is None:
        if known.is_table(key) and raw == {}:
            raise ConfigError(f"{path}: the table [{key}] is empty; take it out or set something in it")
        raise ConfigError(f"{path}: {key} is not a setting{_suggestion(key, known.names)}")
    origin = f"{path}: {key}"
    return Sourced(setting, setting.read(raw, origin), origin)


def _from_environment(known: _Known, environ: Mapping[str, str]) -> list[Sourced]:
    layer: dict[str, Sourced] = {}
    for variable, raw in environ.items():
        if not variable.startswith("ABACA_") or variable == FILE_VARIABLE or variable.startswith(_NOT_OURS):
            continue
        setting = known.of_variable(variable)
        if setting is None:
            raise ConfigError(f"variable {variable} is not a setting{_suggestion(variable, known.variables)}")
        sourced = Sourced(setting, setting.read(raw, variable), variable)
        other = layer.setdefault(setting.name, sourced)
        if other.value != sourced.value:
            raise ConfigError(f"variables {other.origin} and {variable} are one setting, and differ; give one of them")
    return list(layer.values())


def _from_flags(known: _Known, flags: Mapping[str, Flag]) -> list[Sourced]:
    asked = {setting.name: setting for setting in known.asked}
    return [
        Sourced(asked[name], asked[name].read(flag.value, flag.spelling), flag.spelling) for name, flag in flags.items()
    ]


def _suggestion(name: str, known: Iterable[str]) -> str:
    near = near_names(name, known, most=1)
    return f"; did you mean {near[0]}?" if near else "; `abaca config` lists them all"


def _compose(found: Mapping[str, Sourced]) -> Settings:
    _check_beat(found["worker.beat"], found["worker.lease"])
    _check_weights(found["worker.weights"], found["worker.queues"])
    values = {name: sourced.value for name, sourced in found.items()}
    of_worker = {name.removeprefix("worker."): value for name, value in values.items() if name.startswith("worker.")}
    processes = cast("int", of_worker.pop("processes"))
    return Settings(
        url=values["url"],
        processes=processes,
        worker=WorkerOptions(**of_worker),
        keep=Keep(**{f"{end}_ms": round(values[f"keep.{end}"] * 1000) for end in ("completed", "cancelled", "failed")}),
        log=LogSettings(format=values["log.format"], level=values["log.level"]),
        sources=tuple(found.values()),
    )


def _check_beat(beat: Sourced, lease: Sourced) -> None:
    if beat.value * 3 > lease.value:
        raise ConfigError(
            f"{_what(beat)} is {beat.shown} s and {_what(lease)} is {lease.shown} s: "
            "a beat must be at most a third of the lease, so that one lost beat costs nothing"
        )


def _check_weights(weights: Sourced, queues: Sourced) -> None:
    if unserved := sorted(set(weights.value or ()) - set(queues.value)):
        raise ConfigError(
            f"{_what(weights)} names the queue {unserved[0]!r}, which {_what(queues)} does not: {queues.shown}"
        )


def _what(sourced: Sourced) -> str:
    return f"{sourced.setting.name} (default)" if sourced.origin == "default" else sourced.origin
