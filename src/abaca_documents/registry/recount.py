"""Recounts every record beside the documents from the documents. Nothing should ever differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from abaca_documents.registry import layout
from abaca_documents.registry.recording import Records, scanned


async def faults(records: Records, collections: Sequence[str]) -> list[str]:
    """What differs, in words. Beside live traffic it may tell of what is being written; ask again then."""
    wanted: dict[tuple[str, str], int] = {}
    tallies: dict[str, layout.Tally] = defaultdict(dict)
    found = []
    async for record in scanned(records, layout.DOCUMENT):
        document = layout.read_document(record.data or b"")
        if record.version != document.version:
            found.append(f"document {document.id}: its record is of version {record.version}, not {document.version}")
        for put in layout.records(None, document):
            wanted[put.kind, put.id] = document.version if put.kind.startswith("documents.in.") else 1
        shard = layout.shard_of(document)
        tallies[shard] = layout.added(tallies[shard], document, 1)
    for kind in (layout.KEY, layout.GRAVE, *(layout.line_kind(name) for name in collections)):
        async for record in scanned(records, kind):
            version = wanted.pop((kind, record.id), None)
            if version != record.version:
                found.append(f"{kind} {record.id}: version {record.version}, and {version} by its document")
    found += [f"{kind} {id} is missing" for kind, id in wanted if kind != layout.DOCUMENT]
    async for record in scanned(records, layout.COUNT):
        told, counted = layout.read_tally(record.data or b"{}"), tallies.pop(record.id, {})
        if told != counted:
            found.append(f"the count {record.id} says {told}, and its documents make {counted}")
    return found + [f"the count {shard} is missing" for shard in tallies]
