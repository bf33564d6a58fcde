"""Words in a store without a word index of its own: stems between spaces, found as parts of a text, scored by BM25.

The formula and the weight of headings are those of FTS5, so both stores order alike; stems here are cut by
``words.stem`` and there by Porter's rules, so scores differ a little.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from abaca_documents.model import Chunk
from abaca_documents.vectors.words import stem, wanted

_TOKEN = re.compile(r"[^\W_]+")
_K1, _B, _HEADING = 1.2, 0.75, 0.5


def words_of(chunk: Chunk) -> str:
    """Stems of the text, a line break, stems of the headings; a space on either side of each."""
    return f" {_stems(chunk.text)} \n {_stems(' '.join((chunk.where.title, *chunk.where.heading_path)))} "


def length_of(words: str) -> int:
    return len(words.split())


def phrases_of(query: str) -> list[str]:
    """What a person looks for, as it stands in ``words_of``; any of it."""
    found = [stems for part in wanted(query) if (stems := _stems(part))]
    return [f" {stems} " for stems in dict.fromkeys(found)]


def score(matching: Mapping[str, str], phrases: Sequence[str], total: int, average: float) -> dict[str, float]:
    """BM25 by id, higher is better. ``matching`` are the words of all that hold a phrase, ``total`` counts the texts,
    ``average`` is the mean of their lengths."""
    counts = {id: [_count(words, phrase) for phrase in phrases] for id, words in matching.items()}
    rarity = []
    for at in range(len(phrases)):
        holding = sum(1 for each in counts.values() if each[at])
        rarity.append(max(1e-6, math.log((max(total, holding) - holding + 0.5) / (holding + 0.5))))
    scores: dict[str, float] = {}
    for id, found in counts.items():
        length = _K1 * (1 - _B + _B * length_of(matching[id]) / max(average, 1.0))
        scores[id] = sum(
            weight * each * (_K1 + 1) / (each + length) for weight, each in zip(rarity, found, strict=True)
        )
    return scores


def _count(words: str, phrase: str) -> float:
    text, _, headings = words.partition("\n")
    return _times(text, phrase) + _HEADING * _times(headings, phrase)


def _times(text: str, phrase: str) -> int:
    """Overlapping too: neighbours share the space between them."""
    count, at = 0, text.find(phrase)
    while at >= 0:
        count += 1
        at = text.find(phrase, at + len(phrase) - 1)
    return count


def _stems(text: str) -> str:
    return " ".join(stem(word) for word in _TOKEN.findall(text))
