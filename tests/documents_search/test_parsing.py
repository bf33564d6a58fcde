"""Files to text: of every kind, with pages, headings and what the file says of itself."""

from __future__ import annotations

import json

import pytest

from abaca_documents.errors import IngestError, ParseFailed, TooLarge, UnsupportedMediaType
from abaca_documents.parsing import Kind, kind_of, read
from abaca_documents.protocols import Parsed, ParseLimits
from tests.documents_search import files

MARKDOWN = b"---\ntitle: On leases\n---\nIntro\n\n# Leases\n\ntext\n\n```\n# no heading\n```\n\nBeats\n-----\n\nmore\n"
RST = b"======\nLeases\n======\n\ntext\n\nBeats\n-----\n\nmore\n\nEnds\n-----\n"
CODE = b"class Lease:\n    def end(self):\n        pass\n\nasync def beat():\n    pass\n"

CASES: dict[str, tuple[bytes, str, Kind, str]] = {
    "pdf": (files.pdf_of(["one", files.WORDS], title="On leases"), "a.bin", Kind.PDF, files.WORDS),
    "docx": (files.word_file(), "a.zip", Kind.DOCX, "interval\t2 s"),
    "pptx": (files.slide_file(), "a", Kind.PPTX, "Say it twice."),
    "xlsx": (files.sheet_file(), "a", Kind.XLSX, "fruit: pear; price: 2.5"),
    "html": (files.WEB, "a.txt", Kind.HTML, "A lease ends when its worker stops\nbeating.\n\n"),
    "markdown": (MARKDOWN, "a.md", Kind.MARKDOWN, "# Leases"),
    "rst": (RST, "a.rst", Kind.RST, "Leases"),
    "text": (b"a\r\nb\rc", "a.txt", Kind.TEXT, "a\nb\nc"),
    "csv": (b"name;age\n\"a;b\";3\n", "a.csv", Kind.CSV, "name: a;b; age: 3"),
    "json": (b'{"title": "T", "a": [{"b": 1}, {"b": null}]}', "a", Kind.JSON, "title: T\na.b: 1"),
    "jsonl": (b'{"a": 1}\n{"a": 2}\n', "a.txt", Kind.JSONL, "a: 1\n\na: 2"),
    "email": (files.MAIL, "a.eml", Kind.EMAIL, "Schön, dass du da bist."),
    "code": (CODE, "a.py", Kind.CODE, "def end"),
}  # fmt: skip


def where(parsed: Parsed, words: str) -> tuple[int, list[str]]:
    """Page and headings so far at the first place of `words`."""
    at = parsed.text.index(words)
    page = next((page.number for page in parsed.pages if page.start_char <= at < page.end_char), 0)
    return page, [heading.text for heading in parsed.headings if heading.start_char <= at]


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_told_by_its_content_and_read(name: str) -> None:
    # Given a file with a name that says little or the wrong thing
    data, filename, kind, words = CASES[name]
    # When its kind is told and it is read
    parsed = read(data, filename)
    # Then both are right
    assert kind_of(data, filename) is kind
    assert parsed.media_type == kind
    assert words in parsed.text


@pytest.mark.parametrize(
    ("name", "words", "page", "headings"),
    [
        ("pdf", files.WORDS, 2, []),
        ("docx", "interval", 0, ["Leases", "Beats"]),
        ("pptx", "Say it twice", 2, ["Leases", "Beats"]),
        ("xlsx", "apple\n", 2, ["Prices", "Stock"]),
        ("html", "one", 0, ["Leases", "Beats"]),
        ("markdown", "more", 0, ["Leases", "Beats"]),
        ("rst", "more", 0, ["Leases", "Beats"]),
        ("code", "pass\n\nasync", 0, ["class Lease", "def end"]),
    ],
)
def test_pages_and_headings_are_kept(name: str, words: str, page: int, headings: list[str]) -> None:
    if name == "xlsx":
        words = "apple; 7"
    assert where(read(*CASES[name][:2]), words) == (page, headings)


@pytest.mark.parametrize(
    ("name", "title", "said"),
    [
        ("pdf", "On leases", {"author": "Ada", "page_count": 2}),
        ("docx", "Leases", {"author": "Ada"}),
        ("html", "On leases", {"language": "en"}),
        ("markdown", "On leases", {"encoding": "utf-8"}),
        ("email", "Grüße", {"to": "Bob <bob@example.org>", "attachments": "plan.txt"}),
        ("code", "a.py", {"language": "python"}),
    ],
)
def test_what_a_file_says_of_itself_is_kept(name: str, title: str, said: dict[str, str]) -> None:
    parsed = read(*CASES[name][:2])
    assert parsed.title == title
    assert parsed.metadata.items() >= said.items()


def test_the_outline_of_a_pdf_gives_headings() -> None:
    parsed = read(files.pdf_of(["one", "two"], outline=["First", "Second"]))
    assert where(parsed, "two") == (2, ["First", "Second"])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("häßlich".encode("utf-8-sig"), "häßlich"),
        ("häßlich".encode("utf-16"), "häßlich"),
        ("a plain text without a mark".encode("utf-16-le"), "a plain text without a mark"),
        ("Ein häßlicher Satz über größere Äpfel und süße Früchte.".encode("cp1252"), "größere"),
        ("Широкая электрификация южных губерний даст мощный толчок подъёму.".encode("cp1251"), "губерний"),
        (b'<html><meta charset="iso-8859-7"><p>' + "καλημέρα".encode("iso-8859-7"), "καλημέρα"),
    ],
)
def test_text_of_any_encoding_is_read(data: bytes, text: str) -> None:
    assert text in read(data, "a").text


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (b"", ParseFailed, "is empty"),
        (b" \n", ParseFailed, "holds no text"),
        (b"\x89PNG\r\n\x1a\n", UnsupportedMediaType, "a picture"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", UnsupportedMediaType, "save it as docx"),
        (bytes(range(256)) * 9, UnsupportedMediaType, "neither text nor"),
        (files.zip_of(readme=b"x"), UnsupportedMediaType, "a zip archive"),
        (files.word_file()[:900], ParseFailed, "cannot be opened"),
        (b"%PDF-1.4\nnothing", ParseFailed, "the pdf cannot be opened"),
        (files.pdf_of([""]), ParseFailed, "only pictures"),
        (files.zip_of(word__document=bytes(64 << 20)), TooLarge, "unpacks"),
        (files.zip_of(word__document=b'<!DOCTYPE x [<!ENTITY a "aa">]><x>&a;</x>'), ParseFailed, "XML entities"),
        (files.zip_of(xl__workbook='<!DOCTYPE x>'.encode("utf-16")), ParseFailed, "document type"),
        (files.zip_of(ppt__presentation=b"<x/>"), ParseFailed, "pptx file cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(data: bytes, error: type[IngestError], reason: str) -> None:
    with pytest.raises(error, match=reason):
        read(data)


def test_pages_over_the_limit_are_left_out_and_counted() -> None:
    parsed = read(files.pdf_of(["one", "two", "three"]), limits=ParseLimits(max_pages=2))
    assert parsed.is_truncated
    assert [page.number for page in parsed.pages] == [1, 2]
    assert "three" not in parsed.text
    assert parsed.metadata["page_count"] == 3


def test_characters_over_the_limit_are_left_out() -> None:
    parsed = read(b"abcdefgh\n" * 9, limits=ParseLimits(max_characters=10))
    assert (parsed.text, parsed.is_truncated) == ("abcdefgh\na", True)


def test_json_that_nests_without_end_is_read_as_text() -> None:
    assert kind_of(b"[" * 100_000) is Kind.TEXT


def test_a_page_that_nests_without_end_is_read() -> None:
    assert "deep" in read(b"<html>" + b"<div>" * 3_000 + b"deep").text


def test_records_keep_values_that_hold_line_ends() -> None:
    assert read(json.dumps({"a": "x\ny"}).encode()).text == "a: x\ny\n\n"
