"""Puts a text together from the parts that a parser finds, with its pages and headings, up to a limit."""

from __future__ import annotations

from abaca_documents.model import Metadata
from abaca_documents.parsing.media import Kind
from abaca_documents.protocols import Heading, Page, Parsed, ParseLimits


class Full(Exception):
    """The text has as many characters as are kept; a parser stops reading here."""


class Writer:
    """Collects text. `page` and `heading` say where what is written next stands."""

    def __init__(self, kind: Kind, limits: ParseLimits, method: str) -> None:
        self.kind = kind
        self.limits = limits
        self.method = method
        self.title: str | None = None
        self.metadata: Metadata = {}
        self.page_count = 0
        self.is_truncated = False
        self._parts: list[str] = []
        self._length = 0
        self._pages: list[tuple[int, int]] = []
        self._headings: list[Heading] = []

    def page(self, number: int) -> None:
        self._pages.append((number, self._length))

    def heading(self, level: int, text: str) -> None:
        """Begin a section. The line of the heading itself is written by the caller, after this."""
        if words := " ".join(text.split()):
            self._headings.append(Heading(start_char=self._length, level=level, text=words[:500]))

    def write(self, text: str) -> None:
        """Add text as it is. Raises `Full` when the limit is reached, after what still fits was added."""
        if not text:
            return
        room = self.limits.max_characters - self._length
        self._parts.append(text[:room])
        self._length += min(len(text), room)
        if len(text) > room:
            self.is_truncated = True
            raise Full

    def line(self, text: str) -> None:
        self.write(text + "\n")

    def paragraph(self, text: str) -> None:
        if text.strip():
            self.write(text + "\n\n")

    def may_read(self, page: int) -> bool:
        """Whether the page, counted from 1, is to be read; notes down that something is left out where it is not."""
        if self.limits.max_pages and page > self.limits.max_pages:
            self.is_truncated = True
            return False
        return True

    def done(self) -> Parsed:
        text = "".join(self._parts)
        ends = [start for _, start in self._pages[1:]] + [len(text)]
        metadata = {name: value for name, value in self.metadata.items() if value}
        if self.page_count:
            metadata["page_count"] = self.page_count
        return Parsed(
            text=text,
            media_type=self.kind.value,
            title=" ".join((self.title or "").split())[:500],
            is_markdown=self.kind is Kind.MARKDOWN,
            pages=tuple(
                Page(number=number, start_char=start, end_char=end)
                for (number, start), end in zip(self._pages, ends, strict=True)
            )
            if self._pages
            else (),
            headings=tuple(heading for heading in self._headings if heading.start_char < len(text)),
            metadata=metadata,
            method=self.method,
            is_truncated=self.is_truncated,
        )
