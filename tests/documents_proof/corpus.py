"""A real corpus: what the packages of this machine carry as documentation, licences, sources and data, and files of the
kinds that they do not carry, made here. The same number gives the same files on the same machine."""

from __future__ import annotations

import random
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.documents_search.files import MAIL, WEB, WORDS, pdf_of, sheet_file, slide_file, word_file

ALL = 1200
LARGEST = 60_000
"""Bytes of a file that is taken from a package."""
SHARES = {"py": 300, "json": 150, "md": 150, "txt": 200, "html": 80, "rst": 60, "csv": 20, "": 140}
"""How many of each suffix there are in the whole corpus, as far as the machine has them; the rest is text of Python."""
MADE = {"pdf": 20, "docx": 20, "pptx": 10, "xlsx": 10, "eml": 20}
BAD = {
    "empty.txt": b"",
    "picture.txt": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "broken.pdf": b"%PDF-1.4\nand nothing",
    "broken.docx": b"PK\x03\x04" + bytes(50),
    "old.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
    "blank.md": b" \n\n ",
    "archive.gz": b"\x1f\x8b" + bytes(20),
}
"""Files that cannot be taken in, each for a reason of its own."""


@dataclass
class Corpus:
    """Files below ``folder`` by their names."""

    folder: Path
    prefix: str
    names: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def add(self, name: str, data: bytes, *, is_bad: bool = False) -> None:
        name = self.prefix + name
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.names.append(name)
        if is_bad:
            self.bad.append(name)

    @property
    def size(self) -> int:
        return sum((self.folder / name).stat().st_size for name in self.names)


def build(folder: Path, count: int = ALL, number: int = 0) -> Corpus:
    """About ``count`` files, of every kind in the shares of the whole corpus. Corpora of different numbers have no name
    in common."""
    corpus = Corpus(folder, prefix=f"{number}/")
    source = random.Random(1000 * count + number)
    found = _found()
    share = count / ALL
    missing = 0
    for suffix, whole in SHARES.items():
        wanted = max(1, round(whole * share))
        taken = source.sample(found[suffix], min(wanted, len(found[suffix])))
        missing += wanted - len(taken)
        for number, path in enumerate(taken):
            corpus.add(f"{suffix or 'plain'}/{number}-{path.name}", path.read_bytes())
    for number, path in enumerate(source.sample(found["py"], missing)):
        corpus.add(f"more/{number}-{path.name}", path.read_bytes())
    for kind, whole in MADE.items():
        for number in range(max(1, round(whole * share))):
            corpus.add(f"made/{number}.{kind}", _made(kind, number))
    for name, data in BAD.items():
        corpus.add(f"bad/{name}", data, is_bad=True)
    return corpus


def _found() -> dict[str, list[Path]]:
    """Files by suffix, in order of their paths."""
    roots = [Path(sysconfig.get_paths()[name]) for name in ("purelib", "stdlib")] + [Path("/usr/share/doc")]
    found: dict[str, list[Path]] = {suffix: [] for suffix in SHARES}
    for root in roots:
        for path in sorted(_files(root, without="site-packages")):
            suffix = path.suffix.lstrip(".").lower()
            if not suffix and path.name.lower() not in ("license", "licence", "copying", "copyright", "notice"):
                continue
            if suffix in found and 200 <= path.stat().st_size <= LARGEST:
                found[suffix].append(path)
    return found


def _files(root: Path, without: str) -> Iterator[Path]:
    """Those that are readable text; the packages below Python's own library are another root's."""
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink() and without not in path.relative_to(root).parts:
            yield path


def _made(kind: str, number: int) -> bytes:
    match kind:
        case "pdf":
            return pdf_of([f"Page {page} of paper {number}. {WORDS}" for page in range(3)], title=f"Paper {number}")
        case "docx":
            return word_file()
        case "pptx":
            return slide_file()
        case "xlsx":
            return sheet_file()
    if number % 2:
        return WEB.replace(b"leases", b"leases %d" % number)
    return MAIL.replace(b"bist", b"bist, zum %d. Mal" % number)
