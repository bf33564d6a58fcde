"""A service on another machine, spoken to over HTTP with what Python brings along."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from typing import Any

import msgspec

from abaca import BackendUnavailable, ConfigError
from abaca_compile.command.compilers import Landed, infrastructure
from abaca_compile.model import Environment, Result, Submission

_AT_ONCE = 50
_HOLD = 30
_PATIENCE = 90.0
_LONGEST_PAUSE = 60.0
_TRIES = 5


class Remote:
    """``key`` is an API key of the service, empty where it asks for none."""

    def __init__(self, url: str, key: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"--remote: {url!r} is no address of a service; it begins with http:// or https://")
        self._base = f"{url.rstrip('/')}/api/v1"
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    async def environments(self) -> list[Environment]:
        answer = await asyncio.to_thread(self._ask, "GET", "/environments", None)
        known = set(Environment.__struct_fields__)
        return [
            msgspec.convert({"executable": "", **{n: v for n, v in one.items() if n in known}}, Environment)
            for one in answer["items"]
        ]

    async def compile(self, submissions: list[Submission], landed: Landed) -> None:
        for first in range(0, len(submissions), _AT_ONCE):
            part = submissions[first : first + _AT_ONCE]
            body = {"items": [_body(one) for one in part]}
            answer = await asyncio.to_thread(self._ask, "POST", "/compile/batch", body)
            for item in answer["items"]:
                if item["error"] is not None and item["error"]["code"] != "queue_full":
                    raise ConfigError(f"{item['error']['field'] or 'the request'}: {item['error']['message']}")
            room = asyncio.Semaphore(8)
            await asyncio.gather(*(self._one(room, first + n, item, landed) for n, item in enumerate(answer["items"])))

    async def close(self) -> None:
        return

    async def _one(self, room: asyncio.Semaphore, number: int, item: dict[str, Any], landed: Landed) -> None:
        if item["error"] is not None:
            landed(number, infrastructure(item["error"]["message"]))
            return
        async with room:
            while True:
                said = await asyncio.to_thread(self._ask, "GET", f"/compile/{item['job_id']}?wait={_HOLD}", None)
                result = msgspec.convert(said, Result)
                if result.status.is_over:
                    landed(number, result)
                    return

    def _ask(self, method: str, path: str, body: Any) -> Any:
        """One request, repeated when the service says that it is too busy. Raises ``ConfigError`` for a request that it
        refuses and ``BackendUnavailable`` where there is no answer."""
        data = None if body is None else msgspec.json.encode(body)
        request = urllib.request.Request(self._base + path, data, self._headers, method=method)
        for left in reversed(range(_TRIES)):
            try:
                with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                    return msgspec.json.decode(answer.read())
            except urllib.error.HTTPError as error:
                message = _message(error)
                if error.code not in (429, 503) or not left:
                    kind = BackendUnavailable if error.code >= 500 or error.code == 429 else ConfigError
                    raise kind(f"{self._base}{path} answered {error.code}: {message}") from error
                time.sleep(min(_LONGEST_PAUSE, float(error.headers.get("Retry-After") or 1)))
            except OSError as error:
                raise BackendUnavailable(f"{self._base} cannot be reached: {error}") from error
        raise BackendUnavailable(f"{self._base}{path} gave no answer")


def _body(submission: Submission) -> Any:
    """What differs from the defaults: a service of another version may know fewer fields."""
    plain, usual = msgspec.to_builtins(submission), msgspec.to_builtins(Submission())
    return {name: value for name, value in plain.items() if value != usual[name]}


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(msgspec.json.decode(error.read())["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return str(error.reason)
