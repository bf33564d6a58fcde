"""A writer behind a server that speaks OpenAI's chat completions, as many local ones do."""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.request
from email.message import Message

import msgspec

from abaca_strategies.errors import WriterFailed
from abaca_strategies.requests import MAX_CODE
from abaca_strategies.writing.protocol import Written

AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may go better."""
LONGEST_WAIT = 30.0
LARGEST = 4 << 20
"""Bytes of an answer that are read."""
_FENCED = re.compile(r"```(?:python|py)?[ \t]*\r?\n(.*?)```", re.DOTALL | re.IGNORECASE)
_OPEN = re.compile(r"```(?:python|py)?[ \t]*\r?\n(.*)", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"^\s*#\s*(?:name|title)\s*:\s*(.{1,200})$", re.IGNORECASE | re.MULTILINE)

GUIDE = """\
You write trading strategies in Python. Answer with one fenced block of Python and nothing else.
Its first line is a comment "# name: ..." with a short name. It has exactly one of these entry points:
- signals(df, params): df has float columns open, high, low, close, volume over a UTC index of bars, oldest first.
  Answer a pandas Series over df.index with the position to hold after each bar's close: 1 long, 0 flat, -1 short.
- weights(closes, params): closes has a column per ticker. Answer a frame like it, with the share of the account for
  each.
- strategy(): answer a list of dicts with ticker, timestamp (unix seconds) and score from 0 to 1, from
  get_bar_data(timeframe="1d", min_bars=1, columns=["open", "close"]), a frame with ticker, timestamp and the columns.
Declare parameters as PARAMS = {"fast": 20}. pd and np are there already. Only numpy, pandas, math, statistics and
datetime can be relied upon. There is no network and there are no files. Never use a later bar to decide about an
earlier one.
"""


class _Said(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Said
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice]


_decode = msgspec.json.Decoder(_Answer).decode


class ServedWriter:
    """``url`` is the base, such as ``http://host:8080/v1``. ``tries`` requests are made for one answer; ``pause``
    seconds lie between the first two, then twice as many."""

    def __init__(
        self, url: str, model: str, key: str = "", *, timeout: float = 120.0, tries: int = 3, pause: float = 1.0
    ) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._key = key
        self._timeout = timeout
        self._tries = tries
        self._pause = pause

    async def write(self, prompt: str, code: str = "", error: str = "") -> Written:
        """Raises ``WriterFailed`` where the server cannot be reached, refuses, or answers something else."""
        said = [{"role": "system", "content": GUIDE}, {"role": "user", "content": _asked(prompt, code, error)}]
        body = msgspec.json.encode({"model": self._model, "messages": said, "temperature": 0.2})
        return self._read(await self._ask(body))

    async def close(self) -> None:
        """Nothing is open between two requests."""

    async def _ask(self, body: bytes) -> bytes:
        for attempt in range(1, self._tries + 1):
            status, headers, answer = await asyncio.to_thread(self._post, body)
            if status == 200:
                return answer
            if (status not in AGAIN and status != 0) or attempt == self._tries:
                why = answer[:300].decode("utf-8", "replace") or "no answer"
                raise WriterFailed(f"{self._url} answered {status or 'nothing'} after {attempt} tries: {why}")
            await asyncio.sleep(_wait(headers.get("Retry-After"), self._pause * 2 ** (attempt - 1)))
        raise AssertionError("the last try returns or raises")

    def _post(self, body: bytes) -> tuple[int, Message, bytes]:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                return answer.status, answer.headers, answer.read(LARGEST)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read(LARGEST)
        except OSError as error:
            return 0, Message(), str(error).encode()

    def _read(self, body: bytes) -> Written:
        try:
            (choice, *_) = _decode(body).choices
        except (msgspec.DecodeError, ValueError) as error:
            raise WriterFailed(f"{self._url} answered something else than a chat completion: {error}") from error
        if choice.message.refusal:
            return Written(reason=f"the model would not write it: {choice.message.refusal[:1000]}")
        if choice.finish_reason == "length":
            return Written(reason="the model's answer was cut off before the code was complete")
        return read_code(choice.message.content or "")


def read_code(text: str) -> Written:
    """The code in what a model said: the longest fenced block, or all of it where nothing is fenced."""
    blocks = _FENCED.findall(text) or _OPEN.findall(text)
    code = max(blocks, key=len) if blocks else text
    code = code.strip()
    if not blocks and not re.search(r"^\s*(?:def|class|import|from|PARAMS)\b", code, re.MULTILINE):
        return Written(reason=f"the model answered without code: {text.strip()[:500] or 'nothing'}")
    if len(code.encode("utf-8", "replace")) > MAX_CODE:
        return Written(reason=f"the model wrote more than the {MAX_CODE} bytes that a strategy may have")
    title = _TITLE.search(code)
    return Written(python_code=f"{code}\n", name=title[1].strip() if title else "")


def _asked(prompt: str, code: str, error: str) -> str:
    if error:
        wrote = f"This is what you wrote:\n```python\n{code}```\nIt cannot be used: {error}"
        return f"{prompt}\n\n{wrote}\nWrite all of it anew."
    if code:
        return f"Change this strategy:\n```python\n{code}```\nThe change: {prompt}\nWrite all of it anew."
    return prompt


def _wait(asked: str | None, usual: float) -> float:
    try:
        seconds = float(asked) if asked else usual
    except ValueError:
        seconds = usual
    return min(max(seconds, 0.0), LONGEST_WAIT)
