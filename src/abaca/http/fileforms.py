"""Reading a form that may hold a file: the file goes to the disk as it comes, and is never whole in memory."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from abaca.http.errors import ApiError, Code, invalid, malformed
from abaca.http.requests import ApiRequest

ANY_SIZE = 1 << 50
"""``max_body`` of routes that count what they read themselves."""
FORM_DATA = "multipart/form-data"
_PIECE = 1 << 20
_FIELD = 64 << 10
_FIELDS = 40
_SURROUNDINGS = 256 << 10
"""Bytes of a form beside its file: fields, headers, boundaries."""
_BOUNDARY = re.compile(r"""boundary=(?:"([^"\r\n]{1,200})"|([^\s;"]{1,200}))""", re.IGNORECASE)


@dataclass(slots=True)
class FileForm:
    """``path`` is there while the form is open. ``digest`` tells the file's content from others; of a form sent again
    it is the same, whatever its boundary is."""

    fields: dict[str, str] = field(default_factory=dict)
    path: Path | None = None
    filename: str = ""
    size: int = 0
    head: bytes = b""
    digest: bytes = b""

    @property
    def asked(self) -> bytes:
        """All that makes it what it is."""
        parts = [f"{name}={value}".encode("utf-8", "surrogatepass") for name, value in sorted(self.fields.items())]
        return b"\0".join((*parts, self.filename.encode("utf-8", "surrogatepass"), self.digest))


def media_type(request: ApiRequest) -> str:
    return (request.header("content-type") or "").partition(";")[0].strip().lower()


@asynccontextmanager
async def file_form(request: ApiRequest, folder: Path, largest: int) -> AsyncIterator[FileForm]:
    """The form of a request, its file in ``folder`` until the block ends.

    Raises ``ApiError``: 413 for a file above ``largest`` bytes, 400 for what is no form, 422 for fields that are there
    twice or too large.
    """
    announced = request.header("content-length") or ""
    if announced.isdigit() and int(announced) > largest + _SURROUNDINGS:
        raise _too_large(largest)
    found = _BOUNDARY.search(request.header("content-type") or "")
    if found is None:
        raise malformed("the form names no boundary in its Content-Type")
    path = folder / secrets.token_hex(16)
    try:
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        with path.open("xb") as file:
            path.chmod(0o600)
            reader = _Reader(FileForm(path=path), file, largest)
            parser = PushMultipartParser(
                found[1] or found[2], max_segment_size=max(largest, _FIELD), max_segment_count=_FIELDS
            )
            try:
                room = largest + _SURROUNDINGS
                with parser:
                    async for part in request.body_parts():
                        room -= len(part)
                        if room < 0:
                            raise _too_large(largest)
                        for event in parser.parse(part) if part else ():  # an empty part would mean the end
                            reader.take(event)
                        await reader.flush()
                await reader.flush(all=True)
            except ParserLimitReached as error:
                raise _limit(error, largest) from error
            except MultipartError as error:
                raise malformed(f"the form cannot be read: {error}") from error
        yield reader.done()
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


class _Reader:
    """Takes what a parser tells: fields, and the bytes of one file."""

    def __init__(self, form: FileForm, file: BinaryIO, largest: int) -> None:
        self._form = form
        self._file = file
        self._largest = largest
        self._seen = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._held = 0
        self._name: str | None = None
        self._value = bytearray()
        self._has_file = False

    def take(self, event: MultipartSegment | bytearray | bytes | None) -> None:
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            self._end()
        elif self._name is None:
            self._write(bytes(event))
        else:
            self._value += event
            if len(self._value) > _FIELD:
                raise invalid(f"the field is larger than {_FIELD:,} bytes", self._name)

    async def flush(self, *, all: bool = False) -> None:
        if self._held >= _PIECE or (all and self._held):
            pieces, self._pieces, self._held = self._pieces, [], 0
            await asyncio.to_thread(self._file.writelines, pieces)
            await asyncio.to_thread(self._file.flush)

    def done(self) -> FileForm:
        if self._has_file:
            self._form.digest = self._seen.digest()
        else:
            self._form.path = None
        return self._form

    def _begin(self, segment: MultipartSegment) -> None:
        name = segment.name or ""
        if name == "file":
            if self._has_file:
                raise invalid("the form holds two files; send one request for each", "file")
            self._has_file = True
            self._name = None
            self._form.filename = segment.filename or ""
            return
        if segment.filename:
            raise invalid("the file is not in a field of this name; call it file", name or None)
        if name in self._form.fields:
            raise invalid("the field is there twice", name)
        self._name = name
        self._value.clear()

    def _end(self) -> None:
        if self._name is None:
            return
        try:
            self._form.fields[self._name] = self._value.decode()
        except UnicodeDecodeError:
            raise invalid("the field is no UTF-8", self._name) from None

    def _write(self, piece: bytes) -> None:
        self._form.size += len(piece)
        if self._form.size > self._largest:
            raise _too_large(self._largest)
        if len(self._form.head) < _FIELD:
            self._form.head += piece[: _FIELD - len(self._form.head)]
        self._seen.update(piece)
        self._pieces.append(piece)
        self._held += len(piece)


def _too_large(largest: int) -> ApiError:
    return ApiError(413, Code.TOO_LARGE, f"the file is above the limit of {largest:,} bytes", field="file")


def _limit(error: ParserLimitReached, largest: int) -> ApiError:
    if "segment size" in str(error):
        return _too_large(largest)
    return malformed(f"the form cannot be read: {error}; it has at most {_FIELDS} fields, with short headers")
