"""What the forms of a document's page do."""

from __future__ import annotations

from abaca.http import Desk, Form, Reply
from abaca_documents.errors import ValidationError
from abaca_documents.model import ChunkingStrategy, ChunkSettings
from abaca_documents.pipeline.revising import searchable
from abaca_documents.web.declaring import caller, spend
from abaca_documents.web.pages.common import library, shelf_act
from abaca_documents.web.starting import start


@shelf_act("/documents/{id}/reindex")
async def reindex(desk: Desk, form: Form, id: str) -> Reply:
    await spend(desk.api)
    before = (await searchable(library(desk).opened().parts, id)).chunking
    strategy = next((each for each in ChunkingStrategy if each == form.get("strategy")), before.strategy)
    chunking = ChunkSettings(
        strategy=strategy,
        size=_whole(form, "size", before.size),
        overlap=_whole(form, "overlap", before.overlap),
    )
    await library(desk).revise(id, chunking=chunking, by=caller(desk.api))
    return desk.see_other(f"/documents/{id}", "It is taken in anew. Searches find what they found until that is done.")


@shelf_act("/documents/{id}/describe")
async def describe(desk: Desk, form: Form, id: str) -> Reply:
    await spend(desk.api)
    await searchable(library(desk).opened().parts, id)
    await start(desk.api, library(desk).tasks.metadata_extract, id)
    return desk.see_other(f"/documents/{id}", "A job reads title, language, keywords, a summary and questions.")


@shelf_act("/documents/{id}/delete")
async def delete(desk: Desk, form: Form, id: str) -> Reply:
    await library(desk).delete(id)
    if form.get("purge"):
        await start(desk.api, library(desk).tasks.document_delete, id)
        return desk.see_other("/documents", "A job deletes it for good.")
    return desk.see_other("/documents", "It is deleted. No search finds it any more.")


def _whole(form: Form, name: str, default: int) -> int:
    given = form.get(name, "").strip()
    if not given:
        return default
    if not (given.isascii() and given.isdecimal() and len(given) <= 9):
        raise ValidationError(f"chunk_{name}", f"{given[:40]!r} is no number")
    return int(given)


PAGES = (reindex, describe, delete)
