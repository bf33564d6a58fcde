"""Texts and queries whose answers somebody has named."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Query:
    text: str
    answers: frozenset[str]


@dataclass(frozen=True)
class Labelled:
    """Texts by their name, and queries that name those which answer them."""

    name: str
    texts: dict[str, str]
    queries: list[Query]

    @property
    def halves(self) -> tuple[list[Query], list[Query]]:
        """Those that weights are chosen on, and those that they are judged on."""
        return self.queries[::2], self.queries[1::2]
