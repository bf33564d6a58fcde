"""What a text says of itself: title, language, keywords, summary, questions. Pure, by counting words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from abaca_documents.model import Document
from abaca_documents.model.base import Value
from abaca_documents.protocols import Parsed

_COMMON = {
    "en": "the of and to in a is that for it as was with be by on not he his but at are this have from or had "
    "an which you we they were been has their would there what will if can all one so no do more when who "
    "may some only other its into than then these about out up them such how any also most must should "
    "could our your my me her him she us i",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden "
    "aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur "
    "oder aber vor zur bis mehr",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont la "
    "avec son cette ou ses aux comme mais nous elle on ont été leur même aussi sa peut être tout fait "
    "deux",
    "es": "de la que el en y a los del se las por un para con no una su al lo como más pero sus le ya o este sí "
    "porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante",
    "it": "di e il la che in a per un è del non con una i le da si al come dei nel più della alla sono ma gli "
    "su anche o ha se lo questo delle dal questa nella essere",
    "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem "
    "à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso",
    "nl": "de het een en van in is dat op te met voor zijn niet aan er om ook als dan maar bij of uit nog door "
    "naar heeft ze worden wordt over kan die deze",
}
_STOP = {language: frozenset(words.split()) for language, words in _COMMON.items()}
_WORD = re.compile(r"[^\W\d_][\w'-]*", re.UNICODE)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
_SCANNED = 200_000
"""Characters that are looked at: enough to know what a text is about."""


class Extracted(Value, frozen=True, kw_only=True):
    title: str = ""
    language: str = ""
    keywords: tuple[str, ...] = ()
    summary: str = ""
    questions: tuple[str, ...] = ()


def extract(parsed: Parsed, questions: int = 3) -> Extracted:
    text = parsed.text[:_SCANNED]
    words = [word.lower() for word in _WORD.findall(text)]
    language = language_of(words)
    counts = Counter(word for word in words if len(word) > 2 and word not in _STOP.get(language, _STOP["en"]))
    keywords = tuple(word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10])
    return Extracted(
        title=parsed.title or _title(parsed),
        language=language,
        keywords=keywords,
        summary=_summary(text, counts),
        questions=_questions(parsed, keywords, questions),
    )


def language_of(words: Sequence[str]) -> str:
    """The code of the language whose commonest words are most of these; empty where too few are known."""
    known = {language: sum(word in common for word in words) for language, common in _STOP.items()}
    best = max(known, key=lambda language: known[language])
    return best if known[best] * 12 >= len(words) and known[best] >= 2 else ""


def with_extracted(before: Document, extracted: Extracted) -> Document:
    """What was given by hand stays."""
    found = {
        name: list(value) if isinstance(value, tuple) else value
        for name in ("language", "keywords", "summary", "questions")
        if (value := getattr(extracted, name))
    }
    return msgspec.structs.replace(before, title=before.title or extracted.title, metadata={**found, **before.metadata})


def _title(parsed: Parsed) -> str:
    if parsed.headings:
        return parsed.headings[0].text[:200]
    first = next((line.strip() for line in parsed.text.splitlines() if line.strip()), "")
    return first.lstrip("# ")[:200]


def _summary(text: str, counts: Counter[str]) -> str:
    """Up to three sentences that hold most of what is counted, in their order."""
    sentences = [each.group().strip() for each in _SENTENCE.finditer(text)]
    long = [(at, each) for at, each in enumerate(sentences) if len(_WORD.findall(each)) >= 5][:500]

    def weight(sentence: str) -> float:
        words = [word.lower() for word in _WORD.findall(sentence)]
        return sum(counts[word] for word in set(words)) / (len(words) + 5)

    best = sorted(long, key=lambda item: (-weight(item[1]), item[0]))[:3]
    return " ".join(each[:400] for _, each in sorted(best))


def _questions(parsed: Parsed, keywords: Sequence[str], most: int) -> tuple[str, ...]:
    headings = [heading.text for heading in parsed.headings if heading.level > 1]
    asked = [text if text.endswith("?") else f'What does "{text}" say?' for text in headings]
    asked += [f"What is said about {word}?" for word in keywords]
    return tuple(dict.fromkeys(asked))[:most]
