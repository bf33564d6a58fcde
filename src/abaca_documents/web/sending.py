"""Original bytes as an answer: piece by piece, with ranges, and so that a hostile file harms nobody.

What is uploaded is nobody's to vouch for. It is sent to be saved, not shown, unless it is asked for ``inline`` and of a
kind that can be shown without its scripts: text as text, HTML in a sandbox of its own, pdf in the browser's viewer.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import quote

from litestar.types import Receive, Scope, Send

from abaca.http import Reply
from abaca_documents.parsing.media import Kind

_PIECE = 256 << 10
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_PLAIN = re.compile(r"[^A-Za-z0-9._ -]")
_TEXT = frozenset({Kind.MARKDOWN, Kind.RST, Kind.TEXT, Kind.CSV, Kind.JSON, Kind.JSONL, Kind.EMAIL, Kind.CODE})
_CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
_SANDBOX = f"sandbox; style-src 'unsafe-inline'; {_CLOSED}"
_VIEWER = f"object-src 'self'; plugin-types application/pdf; style-src 'unsafe-inline'; {_CLOSED}"
_OCTETS = "application/octet-stream"


class FileReply(Reply):
    """A file, or one range of it. It may be unlinked once this is made: what is open stays readable."""

    __slots__ = ("_file", "_first", "_left")

    def __init__(self, path: Path, headers: dict[str, str], wanted: str | None = None) -> None:
        self._file = path.open("rb")
        size = path.stat().st_size
        span = _span(wanted, size)
        status, first, last = (200, 0, size) if span is None else (206, *span)
        if span is not None and first >= last:
            status, first, last = 416, 0, 0
        own = {**headers, "accept-ranges": "bytes", "content-length": str(last - first)}
        if status == 206:
            own["content-range"] = f"bytes {first}-{last - 1}/{size}"
        elif status == 416:
            own["content-range"] = f"bytes */{size}"
        super().__init__(status, b"", [(name.encode(), value.encode("latin-1")) for name, value in own.items()])
        self._first = first
        self._left = last - first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            self._file.seek(self._first)
            while self._left:
                piece = await asyncio.to_thread(self._file.read, min(_PIECE, self._left))
                if not piece:
                    break
                self._left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def safe_headers(filename: str, media_type: str, digest: str, head: bytes, *, inline: bool) -> dict[str, str]:
    """Headers of a file that nobody vouches for."""
    shown, policy = _shown(media_type, head) if inline else (None, _SANDBOX)
    return {
        "content-type": shown or _sent_as(media_type),
        "content-disposition": f"{'attachment' if shown is None else 'inline'}; {_named(filename)}",
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY" if shown is None else "SAMEORIGIN",
        "etag": f'"{digest}"',
        "cache-control": "private, no-cache",
    }


def _shown(media_type: str, head: bytes) -> tuple[str | None, str]:
    """As what it may be shown, and under which policy."""
    if media_type == Kind.PDF:
        return Kind.PDF.value, _VIEWER
    if media_type == Kind.HTML:
        return _with_charset("text/html", head), _SANDBOX
    if media_type in _TEXT:
        return _with_charset("text/plain", head), _SANDBOX
    return None, _SANDBOX


def _sent_as(media_type: str) -> str:
    return media_type if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", media_type) else _OCTETS


def _with_charset(media_type: str, head: bytes) -> str:
    """UTF-8 where the beginning is that; otherwise the browser guesses, as it would from a file."""
    for end in range(len(head), max(len(head) - 4, -1), -1):  # a character may be cut at the end
        try:
            head[:end].decode()
        except UnicodeDecodeError:
            continue
        return f"{media_type}; charset=utf-8"
    return media_type


def _named(filename: str) -> str:
    """A name for people, without the folders of whoever sent it (RFC 6266)."""
    base = filename.replace("\\", "/").rstrip("/").rpartition("/")[2].lstrip(".") or "document"
    plain = _PLAIN.sub("_", base)[:100]
    return f"filename=\"{plain}\"; filename*=UTF-8''{quote(base.encode('utf-8', 'replace')[:200])}"


def _span(wanted: str | None, size: int) -> tuple[int, int] | None:
    """One range as first byte and behind the last; ``None`` for the whole, also where several are asked for."""
    found = _RANGE.fullmatch((wanted or "").strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size
    first, last = int(found[1]), int(found[2]) if found[2] else size - 1
    if last < first and found[2]:
        return None
    return first, min(last + 1, size)
