"""Files are read in the sandbox, where a bad one harms nobody and says what is wrong with it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from abaca_documents.errors import DocumentsError, IngestError, ParseFailed, TooLarge, UnsupportedMediaType
from abaca_documents.parsing import Kind, read
from abaca_documents.parsing.confined import SandboxParser, is_prepared, parsed_of
from abaca_documents.protocols import Parsed, ParseLimits
from abaca_sandbox import End, Outcome, Sandbox
from tests.documents_search import files

needs_sandbox = pytest.mark.skipif(
    not (Sandbox.check().ok and is_prepared()),
    reason="no sandbox with the parsers' Python is here: make models builds it",
)
FILES = {
    "pdf": files.pdf_of(["one", "two"], title="T", outline=["First"]),
    "docx": files.word_file(),
    "pptx": files.slide_file(),
    "xlsx": files.sheet_file(),
    "html": files.WEB,
    "eml": files.MAIL,
    "md": b"# A\n\ntext",
}


@pytest.fixture
async def parser() -> AsyncIterator[SandboxParser]:
    made = SandboxParser(slots=2)
    yield made
    await made.close()


async def parse(parser: SandboxParser, folder: Path, data: bytes, limits: ParseLimits | None = None) -> Parsed:
    path = folder / str(abs(hash(data)))
    path.write_bytes(data)
    return await parser.parse(path, "a", await parser.detect(path, "a"), limits or ParseLimits())


def huge_stream() -> bytes:
    """A pdf of a megabyte whose only page has 360 million bytes of instructions."""
    packer = zlib.compressobj(1)
    block = b"(aaaa) Tj 0 -1 Td " * 50_000
    packed = b"".join([packer.compress(b"BT /F 12 Tf "), *(packer.compress(block) for _ in range(400)), packer.flush()])
    whole = files.pdf_of(["x"])
    body = f"<</Length {len(packed)}/Filter/FlateDecode>>stream\n".encode() + packed + b"\nendstream"
    start, rest = whole.split(b"11 0 obj", 1)
    return start + b"11 0 obj" + body + b"endobj" + rest.split(b"endobj", 1)[1]


@needs_sandbox
@pytest.mark.slow
async def test_what_is_read_inside_is_what_would_be_read_outside(parser: SandboxParser, tmp_path: Path) -> None:
    for name, data in FILES.items():
        filename = f"a.{name}"
        (tmp_path / filename).write_bytes(data)
        media_type = await parser.detect(tmp_path / filename, filename)
        inside = await parser.parse(tmp_path / filename, filename, media_type, ParseLimits())
        assert inside == read(data, filename)


@needs_sandbox
@pytest.mark.slow
async def test_a_file_that_takes_for_ever_is_given_up_and_harms_nobody(parser: SandboxParser, tmp_path: Path) -> None:
    # Given a pdf without end, a page nested without end, and a sound file
    limits = ParseLimits(seconds=4)
    bad = [huge_stream(), b"<html>" + b"<div>" * 300_000 + b"x"]
    # When they are read at the same time
    *failed, good = await asyncio.gather(
        *(parse(parser, tmp_path, data, limits) for data in bad),
        parse(parser, tmp_path, FILES["docx"], ParseLimits(seconds=50)),
        return_exceptions=True,
    )
    # Then the sound one is there, and each bad one has a reason
    assert isinstance(good, Parsed)
    for error in failed:
        assert isinstance(error, IngestError)
        assert any(words in str(error) for words in ("within 4 s", "of memory", "may be kept"))


@needs_sandbox
@pytest.mark.slow
async def test_a_file_that_takes_too_much_memory_is_given_up(parser: SandboxParser, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"more than 96 MiB of memory|crashed on it"):
        await parse(parser, tmp_path, huge_stream(), ParseLimits(memory=96 << 20, seconds=30))


@needs_sandbox
@pytest.mark.slow
async def test_a_refusal_inside_is_the_same_refusal_outside(parser: SandboxParser, tmp_path: Path) -> None:
    bomb = files.zip_of(word__document=bytes(64 << 20))
    entities = files.zip_of(word__document=b'<!DOCTYPE x [<!ENTITY a "aa">]><x>&a;</x>')
    with pytest.raises(TooLarge, match="unpacks"):
        await parse(parser, tmp_path, bomb)
    with pytest.raises(ParseFailed, match="XML entities"):
        await parse(parser, tmp_path, entities)


async def test_a_file_over_the_size_or_of_no_known_type_is_refused(tmp_path: Path) -> None:
    parser = SandboxParser(largest=10)
    (tmp_path / "a").write_bytes(bytes(11))
    with pytest.raises(TooLarge, match="11 bytes; at most 10"):
        await parser.detect(tmp_path / "a", "a")
    with pytest.raises(UnsupportedMediaType, match="image/png"):
        await parser.parse(tmp_path / "a", "a", "image/png", ParseLimits())
    await parser.close()


def outcome(**more: object) -> Outcome:
    return Outcome(**({"end": End.EXITED, "exit_code": 0} | more))  # type: ignore[arg-type]


SOUND = {"text": "abc", "media_type": "application/pdf"}


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        (outcome(end=End.WALL_LIMIT), ParseFailed, "within 120 s"),
        (outcome(end=End.MEMORY_LIMIT), TooLarge, "1024 MiB"),
        (outcome(end=End.FILE_LIMIT), TooLarge, "may be kept"),
        (outcome(end=End.SIGNALLED, signal=11), ParseFailed, r"crashed on it \(signal 11\)"),
        (outcome(end=End.SANDBOX_ERROR, reason="no room"), DocumentsError, "sandbox failed.*no room"),
        (outcome(exit_code=1, stderr=b"x\nImportError: y"), DocumentsError, "ended with 1: ImportError: y"),
        (outcome(not_collected={"answer.json": "too large"}), TooLarge, "larger than may be kept"),
        (outcome(collected={"answer.json": b"{"}), ParseFailed, "no usable answer"),
        (outcome(collected={"answer.json": b'{"error": "SystemExit", "message": "m"}'}), ParseFailed, "^m$"),
    ],
)
def test_how_a_run_ended_is_told_in_words(given: Outcome, error: type[DocumentsError], reason: str) -> None:
    with pytest.raises(error, match=reason) as raised:
        parsed_of(given, Kind.PDF, ParseLimits())
    assert type(raised.value) is error


@pytest.mark.parametrize(
    "lie",
    [
        {"text": "a" * 20},
        {"media_type": "text/html"},
        {"pages": [{"number": 1, "start_char": 0, "end_char": 4}]},
        {"pages": [{"number": 1, "start_char": 2, "end_char": 3}, {"number": 2, "start_char": 1, "end_char": 3}]},
        {"headings": [{"start_char": -1, "level": 1, "text": "h"}]},
    ],
)
def test_an_answer_is_not_believed_where_it_contradicts_itself(lie: dict[str, object]) -> None:
    answer = msgspec.json.encode({"parsed": SOUND | lie})
    with pytest.raises(ParseFailed, match="contradicts itself"):
        parsed_of(outcome(collected={"answer.json": answer}), Kind.PDF, ParseLimits(max_characters=10))
