"""Text is cut where it should be, and every piece says exactly where it stands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from abaca_documents.chunking import TextChunker
from abaca_documents.chunking.spans import sentences
from abaca_documents.errors import ValidationError
from abaca_documents.model import ChunkingStrategy, ChunkSettings
from abaca_documents.parsing import read
from abaca_documents.protocols import Parsed, Piece

PLAIN = ("Cats sleep. Cats purr. Cats hunt mice. Dogs bark. Dogs run. Dogs fetch sticks. ") * 8
BITS = st.one_of(
    st.sampled_from(["word ", "Ends here. ", "\n\n", "# Title\n", "äß ", "😀", "日本語。", "  ", "```\n", "- item\n"]),
    st.text(alphabet="aB.!? \n#*`é。😀", max_size=12),
)


def by_first_letter(texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors that tell cats from dogs."""
    rows = np.array([[text.count("Cats"), text.count("Dogs")] for text in texts], np.float32)
    units: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return units


def chunk(text: str, strategy: str, size: int = 100, overlap: int = 20, name: str = "a.md") -> list[Piece]:
    chosen = ChunkSettings(strategy=ChunkingStrategy(strategy), size=size, overlap=overlap)
    parsed = read(text.encode(), name)
    return TextChunker(encode=by_first_letter).chunk(parsed, chosen)


@pytest.mark.parametrize("strategy", list(ChunkingStrategy))
@settings(max_examples=40)
@given(bits=st.lists(BITS, max_size=60), size=st.integers(16, 80), overlap=st.integers(0, 15))
def test_every_piece_is_the_text_between_its_offsets_and_no_word_is_lost(
    strategy: ChunkingStrategy, bits: list[str], size: int, overlap: int
) -> None:
    # Given any text at all
    text = "".join(bits)
    parsed = Parsed(text=text, media_type="text/markdown", is_markdown=True)
    # When it is cut
    chosen = ChunkSettings(strategy=strategy, size=size, overlap=overlap)
    pieces = TextChunker(encode=by_first_letter).chunk(parsed, chosen)
    # Then the offsets are exact, pieces go forward and are no longer than asked for
    covered = np.zeros(len(text) + 1, bool)
    for piece in pieces:
        where = piece.where
        assert text[where.start_char : where.end_char] == piece.text
        assert piece.text
        assert piece.text == piece.text.strip()
        if strategy is not ChunkingStrategy.TOKEN and not piece.is_parent:
            assert len(piece.text) <= size
        covered[where.start_char : where.end_char] = True
    starts = [piece.where.start_char for piece in pieces if not piece.is_parent]
    assert starts == sorted(starts)
    # And every character that is no white space is in one of them
    assert all(covered[at] for at, letter in enumerate(text) if not letter.isspace())


def test_sentences_end_where_a_reader_says_so() -> None:
    text = 'Dr. Who met J. Smith at 3.5 km, e.g. near St. Ives. Really? "Yes!" he said... and left.\n\nNo stop\n\nEnd'
    assert [text[start:end].strip() for start, end in sentences(text)] == [
        "Dr. Who met J. Smith at 3.5 km, e.g. near St. Ives.",
        "Really?",
        '"Yes!" he said... and left.',
        "No stop",
        "End",
    ]


def test_sentences_are_packed_whole_and_overlap_by_whole_sentences() -> None:
    pieces = chunk(PLAIN, "sentence", 60, 25)
    assert all(piece.text.endswith(".") and piece.text[0] in "CD" for piece in pieces)
    shared = pieces[0].text[pieces[1].where.start_char - pieces[0].where.start_char :]
    assert shared == "Dogs bark. Dogs run."


def test_a_piece_of_markdown_knows_the_headings_above_it() -> None:
    text = "# Animals\n\nintro\n\n## Cats\n\n" + "Cats purr. " * 20 + "\n\n## Dogs\n\n" + "Dogs bark. " * 20
    paths = {piece.where.heading_path for piece in chunk(text, "markdown")}
    assert paths == {("Animals",), ("Animals", "Cats"), ("Animals", "Dogs")}
    assert all("Dogs" not in p.text or p.where.heading_path[-1] == "Dogs" for p in chunk(text, "markdown"))


def test_a_change_of_subject_ends_a_piece() -> None:
    text = "Cats sleep. Cats purr. Cats hunt. Cats eat fish. " * 3 + "Dogs bark. Dogs run. Dogs fetch. Dogs dig. " * 3
    pieces = chunk(text, "semantic", 400, 0)
    assert len(pieces) > 1
    assert all(("Cats" in piece.text) != ("Dogs" in piece.text) for piece in pieces)


def test_children_lie_within_their_parents() -> None:
    pieces = chunk(PLAIN, "hierarchical", 60, 0)
    children = [piece for piece in pieces if not piece.is_parent]
    assert len(children) > 4
    for child in children:
        assert child.where.parent is not None
        parent = pieces[child.where.parent]
        assert parent.is_parent
        assert parent.where.start_char <= child.where.start_char <= child.where.end_char <= parent.where.end_char


def test_tokens_are_counted_as_the_model_counts() -> None:
    # Given a model whose tokens are single letters
    chunker = TextChunker(tokens=lambda text: [(at, at + 1) for at in range(len(text))])
    parsed = Parsed(text="abcdefghij" * 4, media_type="text/plain")
    # When a text is cut by tokens
    pieces = chunker.chunk(parsed, ChunkSettings(strategy=ChunkingStrategy.TOKEN, size=16, overlap=4))
    # Then each has so many, and the next begins with the last ones
    assert [piece.where.start_char for piece in pieces] == [0, 12, 24]
    assert len(pieces[0].text) == 16


def test_the_page_of_a_piece_is_the_one_it_begins_on() -> None:
    from tests.documents_search.files import pdf_of

    parsed = read(pdf_of(["One. " * 10, "Two. " * 10]))
    pieces = TextChunker().chunk(parsed, ChunkSettings(size=32, overlap=0))
    assert {(piece.text[0], piece.where.page) for piece in pieces} == {("O", 1), ("T", 2)}


def test_semantic_cutting_without_a_model_is_refused() -> None:
    parsed = Parsed(text="Some text.", media_type="text/plain")
    with pytest.raises(ValidationError, match="needs a model"):
        TextChunker().chunk(parsed, ChunkSettings(strategy=ChunkingStrategy.SEMANTIC))
