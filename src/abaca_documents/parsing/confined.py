"""Reads files in the sandbox: what a file makes of its parser, it makes of a process that has nothing.

Plain kinds (`media.PLAIN`) are read in a thread of this process: they are decoded and cut by Python's own code in one
pass, and starting a program for each small text file would take many times as long as reading it.
"""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from abaca_documents.errors import DocumentsError, ParseFailed, TooLarge, UnsupportedMediaType
from abaca_documents.parsing.kinds import kind_of
from abaca_documents.parsing.media import MIB, PLAIN, Kind
from abaca_documents.parsing.reading import read
from abaca_documents.protocols import Parsed, ParseLimits
from abaca_sandbox import (
    End,
    Limits,
    Mount,
    Outcome,
    Program,
    Runtime,
    Sandbox,
    SandboxUnavailable,
    load_runtime,
    obstacle,
    setup_runtime,
)

RUNTIME = "documents"
PACKAGES = ("charset-normalizer", "msgspec", "openpyxl", "pypdfium2", "python-docx", "python-pptx", "selectolax")
PACKAGE = Path(__file__).parents[1]
INSIDE = "/opt/abaca/abaca_documents"
LARGEST = 50 * MIB
"""Bytes of a file that are read at all."""
TAKEN = {error.__name__: error for error in (ParseFailed, TooLarge, UnsupportedMediaType)}


class Answer(msgspec.Struct):
    parsed: Parsed | None = None
    error: str = ""
    message: str = ""


class SandboxParser:
    """A ``Parser``. Use it in one event loop, and close it. The Python inside is built on first use, which takes a
    minute, unless ``abaca documents model`` or an earlier use has built it."""

    def __init__(self, *, slots: int = 2, largest: int = LARGEST) -> None:
        self._sandbox = Sandbox(slots=slots)
        self._largest = largest
        self._runtime: Runtime | None = None
        self._building = asyncio.Lock()

    @property
    def version(self) -> str:
        return "1"

    async def detect(self, path: Path, filename: str) -> str:
        return await asyncio.to_thread(lambda: kind_of(_bytes_of(path, self._largest), filename).value)

    async def parse(self, path: Path, filename: str, media_type: str, limits: ParseLimits) -> Parsed:
        try:
            kind = Kind(media_type) if media_type else None
        except ValueError:
            raise UnsupportedMediaType(f"files of the type {media_type} are not read") from None
        found = await asyncio.to_thread(self._read_plain, path, filename, kind, limits)
        if isinstance(found, Parsed):
            return found
        return await self._read(found[1], filename, found[0], limits)

    def _read_plain(
        self, path: Path, filename: str, kind: Kind | None, limits: ParseLimits
    ) -> Parsed | tuple[Kind, bytes]:
        """In a thread: a plain file is read, of another one its kind and bytes are answered."""
        data = _bytes_of(path, self._largest)
        kind = kind or kind_of(data, filename)
        return read(data, filename, limits, kind) if kind in PLAIN else (kind, data)

    async def close(self) -> None:
        await self._sandbox.close()

    async def _read(self, data: bytes, filename: str, kind: Kind, limits: ParseLimits) -> Parsed:
        runtime = await self._ready()
        request = {"filename": filename, "media_type": kind.value, "limits": msgspec.to_builtins(limits)}
        files = {"request.json": msgspec.json.encode(request), "document": data}
        mounts = runtime.mounts
        if obstacle(PACKAGE) is None:
            mounts = (*mounts, Mount(PACKAGE, INSIDE))
            script = f"{INSIDE}/parsing/inside.py"
        else:
            files |= await asyncio.to_thread(_sources)
            script = "/work/abaca_documents/parsing/inside.py"
        program = Program(
            argv=(runtime.python, "-I", "-B", script), files=files, mounts=mounts, collect=("answer.json",)
        )
        return parsed_of(await self._sandbox.run(program, _bounds(limits, len(data))), kind, limits)

    async def _ready(self) -> Runtime:
        """Raises ``SandboxUnavailable``: nothing is read outside the sandbox because there is none."""
        async with self._building:
            if self._runtime is None:
                self._runtime = await asyncio.to_thread(prepare_runtime)
                await self._sandbox.open()
        return self._runtime


def requirements() -> list[str]:
    """The packages that are inside, in the versions that are installed here."""
    try:
        return [f"{name}=={version(name)}" for name in PACKAGES]
    except PackageNotFoundError as error:
        raise UnsupportedMediaType(
            f"the package {error.name} is missing; the extra abaca[documents] brings it"
        ) from None


def prepare_runtime() -> Runtime:
    """Build the Python that parsers run with inside, unless it is there. Raises ``SandboxUnavailable``."""
    return setup_runtime(requirements(), name=RUNTIME)


def is_prepared() -> bool:
    try:
        return sorted(load_runtime(RUNTIME).requirements) == sorted(requirements())
    except (SandboxUnavailable, UnsupportedMediaType):
        return False


def parsed_of(outcome: Outcome, kind: Kind, limits: ParseLimits) -> Parsed:
    """What came of a run, or the error that it means. The answer was written by a program that a file may have taken
    over, so it is taken for nothing but text."""
    if outcome.end is not End.EXITED or outcome.touched - {End.OUTPUT_LIMIT}:
        raise _failed(outcome, kind, limits)
    packed = outcome.collected.get("answer.json")
    if packed is None:
        reason = outcome.not_collected.get("answer.json", "")
        if reason == "too large":
            raise TooLarge(f"the text of the {kind.noun} file is larger than may be kept")
        said = outcome.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise DocumentsError(f"the parser of {kind.noun} files ended with {outcome.exit_code}: {' '.join(said)}")
    try:
        answer = msgspec.json.decode(packed, type=Answer)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ParseFailed(f"the parser of the {kind.noun} file gave no usable answer: {error}") from None
    if answer.parsed is None:
        raise TAKEN.get(answer.error, ParseFailed)(answer.message[:1000])
    return _sound(answer.parsed, kind, limits)


def _failed(outcome: Outcome, kind: Kind, limits: ParseLimits) -> DocumentsError:
    met = outcome.end if outcome.end is not End.EXITED else next(iter(outcome.touched))
    match met:
        case End.WALL_LIMIT | End.CPU_LIMIT:
            return ParseFailed(f"the {kind.noun} file was not read to its end within {limits.seconds:g} s")
        case End.MEMORY_LIMIT:
            return TooLarge(f"reading the {kind.noun} file takes more than {limits.memory // MIB} MiB of memory")
        case End.OUTPUT_LIMIT | End.FILE_LIMIT:
            return TooLarge(f"the {kind.noun} file unpacks to more than may be kept")
        case End.SIGNALLED | End.PROCESS_LIMIT:
            return ParseFailed(f"the parser of the {kind.noun} file crashed on it (signal {outcome.signal})")
        case _:
            return DocumentsError(f"the sandbox failed while it read a {kind.noun} file: {outcome.reason}")


def _sound(parsed: Parsed, kind: Kind, limits: ParseLimits) -> Parsed:
    length = len(parsed.text)
    starts = [page.start_char for page in parsed.pages]
    headings = [heading.start_char for heading in parsed.headings]
    is_sound = (
        length <= limits.max_characters
        and not parsed.pieces
        and parsed.media_type == kind.value
        and starts == sorted(starts)
        and headings == sorted(headings)
        and all(0 <= page.start_char <= page.end_char <= length for page in parsed.pages)
        and all(0 <= start <= length for start in headings)
    )
    if not is_sound:
        raise ParseFailed(f"the parser of the {kind.noun} file gave an answer that contradicts itself")
    return parsed


def _bounds(limits: ParseLimits, size: int) -> Limits:
    kept = 8 * limits.max_characters + 4 * MIB
    return Limits(
        wall=limits.seconds,
        cpu=limits.seconds,
        memory=limits.memory,
        processes=8,
        work=size + kept + 16 * MIB,
        file_size=max(size, kept) + 4 * MIB,
        collected=kept,
    )


def _bytes_of(path: Path, largest: int) -> bytes:
    size = os.stat(path).st_size
    if size > largest:
        raise TooLarge(f"the file has {size} bytes; at most {largest} are read")
    return path.read_bytes()


def _sources() -> dict[str, bytes]:
    """This package as files, where the users of slots may not enter the folder that it is in."""
    parts = [PACKAGE / "__init__.py", PACKAGE / "errors.py", PACKAGE / "protocols.py"]
    parts += [*(PACKAGE / "model").glob("*.py"), *(PACKAGE / "parsing").glob("*.py")]
    return {f"abaca_documents/{path.relative_to(PACKAGE)}": path.read_bytes() for path in parts}
