"""The chunker: a parsed text and settings in, pieces out, each with its exact place."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

from abaca_documents.chunking.semantic import Encode, by_subject
from abaca_documents.chunking.spans import Span, cut_at, fitting, pack, sentences, split, trimmed, windows, words
from abaca_documents.errors import ValidationError
from abaca_documents.model import ChunkingStrategy, ChunkMetadata, ChunkSettings
from abaca_documents.protocols import Heading, Parsed, Piece

Tokens = Callable[[str], list[Span]]
"""Where the tokens of a text are."""
PARENT = 4  # a parent has room for so many children


class TextChunker:
    """A ``Chunker``. ``tokens`` are those of the model that embeds; without it words and marks are counted. ``encode``
    makes the vectors that the semantic strategy compares."""

    def __init__(self, tokens: Tokens = words, encode: Encode | None = None) -> None:
        self._tokens = tokens
        self._encode = encode

    @property
    def version(self) -> str:
        return "1"

    def chunk(self, parsed: Parsed, settings: ChunkSettings) -> list[Piece]:
        """Raises ``ValidationError`` for settings that cannot be used."""
        settings.validate()
        places = _Places(parsed)
        if settings.strategy is ChunkingStrategy.HIERARCHICAL:
            return list(self._family(parsed.text, places, settings))
        spans = self._spans(parsed, places, settings)
        return [places.piece(span) for span in _kept(parsed.text, spans)]

    def _spans(self, parsed: Parsed, places: _Places, settings: ChunkSettings) -> Iterable[Span]:
        text, size, overlap = parsed.text, settings.size, settings.overlap
        match settings.strategy:
            case ChunkingStrategy.FIXED:
                return windows(len(text), size, overlap)
            case ChunkingStrategy.TOKEN:
                return self._by_tokens(text, size, overlap)
            case ChunkingStrategy.RECURSIVE:
                return split(text, size, overlap)
            case ChunkingStrategy.MARKDOWN:
                return _by_sections(parsed, places, size, overlap)
            case ChunkingStrategy.SEMANTIC:
                if self._encode is None:
                    raise ValidationError("chunking_strategy", "semantic needs a model, and this chunker has none")
                units = list(fitting(text, places.sentences(), size))
                return by_subject(text, units, size, self._encode)
            case _:
                return pack(text, places.sentences(), size, overlap, places.breaks)

    def _by_tokens(self, text: str, size: int, overlap: int) -> Iterator[Span]:
        found = self._tokens(text)
        for first, last in windows(len(found), size, overlap):
            yield found[first][0], found[last - 1][1]

    def _family(self, text: str, places: _Places, settings: ChunkSettings) -> Iterator[Piece]:
        """Parents, each before its children. A parent that has only one child is left out: they would be the same."""
        count = 0
        for start, end in _kept(text, pack(text, places.sentences(), settings.size * PARENT, 0, places.breaks)):
            part = text[start:end]
            units = cut_at(sentences(part), [place - start for place in places.starts if start < place < end])
            children = list(_kept(part, pack(part, units, settings.size, settings.overlap)))
            if len(children) > 1:
                yield places.piece((start, end), is_parent=True)
                parent: int | None = count
                count += 1
            else:
                parent = None
            for first, last in children:
                yield places.piece((start + first, start + last), parent=parent)
                count += 1


class _Places:
    """Where in the file a stretch of its text stands."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.starts = [heading.start_char for heading in parsed.headings]
        self.breaks = frozenset(self.starts)
        self.paths = list(_paths(parsed.headings))
        self.pages = [page.start_char for page in parsed.pages]

    def sentences(self) -> Iterator[Span]:
        return cut_at(sentences(self.parsed.text), self.starts)

    def piece(self, span: Span, *, parent: int | None = None, is_parent: bool = False) -> Piece:
        start, end = span
        text = self.parsed.text[start:end]
        page = bisect_right(self.pages, start) - 1
        return Piece(
            text=text,
            is_parent=is_parent,
            where=ChunkMetadata(
                start_char=start,
                end_char=end,
                page=self.parsed.pages[page].number if page >= 0 else 0,
                heading_path=self.path_at(start),
                token_count=len(words(text)),
                title=self.parsed.title,
                parent=parent,
            ),
        )

    def path_at(self, place: int) -> tuple[str, ...]:
        at = bisect_right(self.starts, place) - 1
        return self.paths[at] if at >= 0 else ()


def _paths(headings: Iterable[Heading]) -> Iterator[tuple[str, ...]]:
    above: list[Heading] = []
    for heading in headings:
        while above and above[-1].level >= heading.level:
            above.pop()
        above.append(heading)
        yield tuple(each.text for each in above)


def _by_sections(parsed: Parsed, places: _Places, size: int, overlap: int) -> Iterator[Span]:
    """Sections under one heading; small ones together with those below them, large ones cut."""
    held: Span | None = None
    for start, end in cut_at([(0, len(parsed.text))], places.starts):
        inside = held is not None and places.path_at(start)[: len(places.path_at(held[0]))] == places.path_at(held[0])
        if held is not None and inside and end - held[0] <= size:
            held = (held[0], end)
            continue
        if held is not None:
            yield from _cut(parsed, held, size, overlap)
        held = (start, end)
    if held is not None:
        yield from _cut(parsed, held, size, overlap)


def _cut(parsed: Parsed, span: Span, size: int, overlap: int) -> Iterator[Span]:
    start, end = span
    if end - start <= size:
        yield span
        return
    for first, last in split(parsed.text[start:end], size, overlap, is_markdown=parsed.is_markdown):
        yield start + first, start + last


def _kept(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Without white space at the ends, and without what has nothing else."""
    for span in spans:
        start, end = trimmed(text, span)
        if start < end:
            yield start, end
