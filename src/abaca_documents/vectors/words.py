"""A person's words as a query of FTS5, and the places of those words in a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MOST = 64
WORD = re.compile(r"\w+")
PHRASE = re.compile(r'"([^"]+)"')
# Words that say nothing about what is looked for; left out where others remain.
COMMON = frozenset(
    {
        *("a", "about", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do"),
        *("does", "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my"),
        *("no", "not", "of", "on", "or", "our", "s", "should", "so", "t", "than", "that", "the", "their", "them"),
        *("then", "there", "these", "they", "this", "to", "up", "us", "was", "we", "were", "what", "when", "where"),
        *("which", "who", "why", "will", "with", "would", "you", "your"),
    }
)


def wanted(text: str) -> list[str]:
    """What a query looks for, any of it: words, and runs of words that stood in quotation marks."""
    phrases = [found for phrase in PHRASE.findall(text) if (found := WORD.findall(phrase))]
    words = WORD.findall(PHRASE.sub(" ", text))
    telling = [word for word in words if word.lower() not in COMMON]
    parts = [" ".join(phrase) for phrase in phrases] + (telling or (words if not phrases else []))
    return list(dict.fromkeys(parts[:MOST]))


def to_query(text: str) -> str:
    """An FTS5 query that finds any of the words; what stands in quotation marks has to follow one another. Empty where
    there is no word."""
    return " OR ".join(f'"{part}"' for part in wanted(text))


def marked(text: str, query: str, most: int = 50) -> Iterator[tuple[int, int]]:
    """Start and end of the words in ``text`` that the query names, also in another form of the word."""
    wanted = {stem(word) for word in WORD.findall(query)}
    telling = {word for word in wanted if word not in COMMON}
    count = 0
    for found in WORD.finditer(text):
        if stem(found[0]) in (telling or wanted):
            yield found.start(), found.end()
            count += 1
            if count == most:
                return


def stem(word: str) -> str:
    """What is left of a word without accents, case and the commonest English endings: as loose as the search itself."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(each))
    for ending in ("ations", "ation", "ingly", "ings", "ing", "edly", "ies", "ied", "ed", "es", "ly", "s", "e", "y"):
        if plain.endswith(ending) and len(plain) - len(ending) >= 3:
            plain = plain.removesuffix(ending)
            break
    return plain[:-1] if len(plain) > 4 and plain[-1] == plain[-2] else plain
