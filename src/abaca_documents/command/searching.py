"""``abaca search``"""

from __future__ import annotations

import re
import sys
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from abaca import ConfigError
from abaca.cli import EXIT_OK, Given, clean, note, print_json
from abaca_documents.command.plain import filter_of
from abaca_documents.command.running import fetched, run
from abaca_documents.library import Library
from abaca_documents.model import SearchMode, SearchRequest, SearchResponse, SearchResult

_WINDOW = 320
"""Characters of a hit that people are shown, around its first highlight."""


def search(
    query: Annotated[str, Parameter(help='What is looked for; words in "quotation marks" stay together.')],
    /,
    *,
    collection: Annotated[
        tuple[str, ...], Parameter(help="Where; may be given several times. [default: everywhere]", negative="")
    ] = (),
    mode: Annotated[SearchMode, Parameter(help="By meaning, by words, or both.")] = SearchMode.HYBRID,
    top_k: Annotated[int, Parameter(help="How many.")] = 10,
    offset: Annotated[int, Parameter(help="How many of the best to leave out.")] = 0,
    filter: Annotated[str | None, Parameter(help='On metadata, as \'{"year": {"$gte": 2020}}\'.')] = None,
    min_score: Annotated[float | None, Parameter(help="Nothing with a lower score.")] = None,
    by_document: Annotated[bool, Parameter(negative="", help="One hit of each document.")] = False,
    scores: Annotated[bool, Parameter(negative="", help="What each list said of a hit.")] = False,
    session: Given,
) -> int:
    """Search documents by meaning and by words. No worker and no server is needed.

    Exit status: 0 also when nothing was found.
    """

    async def look(library: Library) -> SearchResponse:
        known = {each.name: each for each in await library.documents.list_collections()}
        names = collection or tuple(known)
        if not names:
            raise ConfigError("there are no collections yet; `abaca documents add` makes one")
        if mode is not SearchMode.KEYWORD:
            await fetched(library.app, (known[name].index.embedder for name in names if name in known))
        request = SearchRequest(
            query=query,
            collections=names,
            mode=mode,
            top_k=top_k,
            offset=offset,
            filter=filter_of(filter),
            min_score=min_score,
            group_by_document=by_document,
        )
        return await library.search(request)

    found = run(session, look)
    if session.json:
        print_json(found)
        return EXIT_OK
    console = Console(file=sys.stdout, highlight=False)
    for place, hit in enumerate(found.results, offset + 1):
        _show(console, place, hit, scores=scores)
    shown = len(found.results)
    if not shown:
        note("nothing was found")
    elif found.total_results > offset + shown:
        note(f"{shown} of {found.total_results}; --offset {offset + shown} goes on")
    return EXIT_OK


def _show(console: Console, place: int, hit: SearchResult, *, scores: bool) -> None:
    head = Text(f"{place}. ")
    head.append(clean(hit.filename or hit.document_id), "bold")
    page = f"page {hit.page}" if hit.page else ""
    for part in filter(None, (" > ".join(hit.heading_path), page)):
        head.append(f"  {clean(part)}")
    head.append(f"  {hit.score:.3f}", "dim")
    head.append(clean(f"  {hit.collection}"), "dim")
    console.print(head, soft_wrap=True)
    if scores:
        said = hit.score_breakdown
        ranks = (("meaning", said.vector, said.rank_vector), ("words", said.keyword, said.rank_keyword))
        told = ", ".join(f"{name} {score:.3f} (rank {rank})" for name, score, rank in ranks if score is not None)
        console.print(Text(f"   {told}, id {hit.document_id}", "dim"), soft_wrap=True)
    console.print(_passage(hit), soft_wrap=not console.is_terminal)
    console.print()


def _passage(hit: SearchResult) -> Text:
    """The text around its first highlight, on one line where it goes to a pipe."""
    first = hit.highlights[0].start if hit.highlights else 0
    begin = max(0, min(first - _WINDOW // 3, len(hit.text) - _WINDOW))
    end = min(len(hit.text), begin + _WINDOW)
    text = Text("   " + ("…" if begin else ""))
    at = begin
    for mark in hit.highlights:
        if at <= mark.start < end:
            text.append(_plain(hit.text[at : mark.start]))
            text.append(_plain(hit.text[mark.start : min(mark.end, end)]), "bold underline")
            at = min(mark.end, end)
    text.append(_plain(hit.text[at:end]))
    return text.append("…" if end < len(hit.text) else "")


def _plain(text: str) -> str:
    return clean(re.sub(r"\s+", " ", text)) if text else ""
