"""``abaca collections``, also ``abaca documents collections``"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Parameter

from abaca import ConfigError
from abaca.cli import EXIT_FAILED, EXIT_OK, Given, note, print_json, print_pairs, print_table
from abaca_documents.command.carrying import export, import_collection
from abaca_documents.command.changing import Overlap, Size, Strategy
from abaca_documents.command.following import followed
from abaca_documents.command.plain import metadata_of
from abaca_documents.command.running import run, with_hands
from abaca_documents.library import Library
from abaca_documents.model import (
    Collection,
    CollectionDTO,
    CollectionRequest,
    CollectionStats,
    CollectionStatsDTO,
    DeleteResult,
    Metric,
)

_ABOUT = """Show collections of documents; make, measure, delete, export or import one.

`abaca collections` is short for `abaca documents collections`.
"""
collections = App(name="collections", help=_ABOUT)
collections.command(export)
collections.command(import_collection, name="import")

Told = tuple[Collection, CollectionStats]


@collections.command(name="list")
@collections.default
def list_collections(*, session: Given) -> int:
    """Show every collection, with what is in it."""

    async def look(library: Library) -> list[Told]:
        return [await _told(library, each.name) for each in await library.documents.list_collections()]

    found = run(session, look)
    if session.json:
        print_json([_json(each) for each in found])
        return EXIT_OK
    heads = ("collection", "documents", "chunks", "bytes", "embedder", "metric", "")
    rows = [
        (
            one.name,
            stats.documents,
            stats.chunks,
            stats.bytes,
            one.index.embedder,
            one.metric,
            "a new index is being built" if one.building else one.description,
        )
        for one, stats in found
    ]
    print_table(heads, rows, "there are no collections")
    return EXIT_OK


@collections.command
def create(
    name: str,
    /,
    *,
    description: Annotated[str, Parameter(help="What is in it.")] = "",
    embedder: Annotated[str | None, Parameter(help="Else that of the settings.")] = None,
    metric: Annotated[Metric, Parameter(help="How near two vectors are; it stays for life.")] = Metric.COSINE,
    strategy: Strategy = None,
    chunk_size: Size = None,
    chunk_overlap: Overlap = None,
    metadata: Annotated[
        tuple[str, ...], Parameter(help="As --metadata owner=Ada; may be given several times.", negative="")
    ] = (),
    session: Given,
) -> int:
    """Make a collection."""
    wanted = CollectionRequest(
        name=name,
        description=description,
        metadata=metadata_of(metadata),
        metric=metric,
        embedder=embedder,
        chunking_strategy=strategy,
        chunk_size=chunk_size,
        chunk_overlap=chunk_overlap,
    )
    made = run(session, lambda library: library.create_collection(wanted), create=True)
    if session.json:
        print_json(CollectionDTO.from_model(made))
    else:
        note(f"collection {name} is there: {made.index.embedder}, {made.metric}, {made.chunking.key}")
    return EXIT_OK


@collections.command
def show(name: str, /, *, session: Given) -> int:
    """Show a collection: its settings, and what is in it."""
    found = run(session, lambda library: _told(library, name))
    if session.json:
        print_json(_json(found))
        return EXIT_OK
    one, stats = found
    print_pairs(
        [
            ("collection", one.name),
            ("description", one.description),
            ("embedder", f"{one.index.embedder}, {one.index.dimension} numbers, {one.metric}"),
            ("index", f"{one.index.number}" + (f"; {one.building.number} is being built" if one.building else "")),
            ("chunks", one.chunking.key),
            ("made", one.created_at),
            *((f"metadata.{key}", value) for key, value in sorted(one.metadata.items())),
        ]
    )
    sys.stdout.write("\n")
    print_pairs(_counts(stats))
    return EXIT_OK


@collections.command
def stats(name: str, /, *, session: Given) -> int:
    """Count what is in a collection."""
    _, counted = run(session, lambda library: _told(library, name))
    if session.json:
        print_json(CollectionStatsDTO.from_model(counted))
    else:
        print_pairs(_counts(counted))
    return EXIT_OK


@collections.command
def rm(
    name: str,
    /,
    *,
    force: Annotated[bool, Parameter(negative="", help="With the documents that are in it.")] = False,
    session: Given,
) -> int:
    """Delete a collection for good, with all that is in it where --force says so."""

    async def work(library: Library) -> DeleteResult | None:
        counts = await library.documents.collection_stats(name)
        if counts.documents and not force:
            raise ConfigError(f"collection {name} holds {counts.documents} documents; --force deletes them with it")
        job = await library.tasks.collection_delete.enqueue(name)
        return (await with_hands(library, followed(job, name, as_json=session.json))).value

    gone = run(session, work)
    if session.json:
        print_json(gone)
    else:
        note(f"collection {name} is gone" if gone else f"collection {name} is not gone yet; its job did not complete")
    return EXIT_OK if gone else EXIT_FAILED


async def _told(library: Library, name: str) -> Told:
    return await library.documents.get_collection(name), await library.documents.collection_stats(name)


def _json(told: Told) -> dict[str, object]:
    return {"collection": CollectionDTO.from_model(told[0]), "stats": CollectionStatsDTO.from_model(told[1])}


def _counts(stats: CollectionStats) -> Sequence[tuple[str, object]]:
    by_status = ", ".join(f"{count} {status}" for status, count in sorted(stats.by_status.items()) if count)
    return [("documents", stats.documents), ("", by_status), ("chunks", stats.chunks), ("bytes", stats.bytes)]
