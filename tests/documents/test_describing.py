"""Metadata that is changed by hand: filters of a search see it at once, and nothing is embedded for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from abaca import App
from abaca_documents.library import Library
from abaca_documents.model import Chunk, Metadata, SearchMode, SearchRequest
from abaca_documents.pipeline.maintaining import sweep
from abaca_documents.pipeline.reindexing import build, prepare
from abaca_documents.pipeline.uploading import upload
from abaca_documents.protocols import Space
from tests.documents.crashing import Crash, Crasher
from tests.documents.lending import library_on
from tests.documents.parts import Bench, words


@pytest.fixture(params=["file", "memory"])
async def lent(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Library, Bench, str]]:
    """A library with one document of three chunks, of the year 1999."""
    async with App(f"sqlite:///{tmp_path}/jobs.db" if request.param == "file" else "memory://") as app:
        library, bench = await library_on(app)
        parts = library.opened().parts
        result = await upload(parts, await bench.payload(words(0, 3), metadata={"year": 1999}), "j")
        yield library, bench, result.document_id
        assert await library.documents.audit() == []
        await library.close()


async def found(library: Library, where: Metadata) -> list[str]:
    request = SearchRequest(query="number", collection="books", mode=SearchMode.KEYWORD, filter=where)
    return sorted(each.text for each in (await library.search(request)).results)


async def test_filters_see_changed_metadata_and_titles_at_once(lent: tuple[Library, Bench, str]) -> None:
    library, bench, id = lent
    assert len(await found(library, {"year": 1999})) == 3
    embedded, parsed = len(bench.embedded), bench.parser.calls
    # When metadata and title are changed
    document = await library.update(id, {"metadata": {"year": 2021, "tags": ["tax"]}, "title": "Numbers"})
    # Then filters see the new ones and not the old ones, also where an answer was cached
    assert len(await found(library, {"year": 2021, "tags": "tax", "title": "Numbers", "filename": "a.txt"})) == 3
    assert await found(library, {"year": 1999}) == []
    # And it is the same revision: nothing was parsed or embedded
    assert (document.revision, document.is_described) == (1, True)
    assert (len(bench.embedded), bench.parser.calls) == (embedded, parsed)


async def test_a_change_that_dies_half_way_is_brought_to_its_end(lent: tuple[Library, Bench, str]) -> None:
    library, _, id = lent
    opened = library.opened()
    # Given a change of which only the first write was made
    await opened.parts.repository.update(id, {"metadata": {"year": 2021}})
    assert not (await library.documents.get(id)).is_described
    # When it is cleared up
    await sweep(opened.parts)
    # Then filters see it
    assert len(await found(library, {"year": 2021})) == 3
    assert (await library.documents.get(id)).is_described


async def test_at_any_crash_filters_see_the_old_or_the_new_and_trying_again_mends_it(
    lent: tuple[Library, Bench, str],
) -> None:
    library, bench, id = lent
    opened = library.opened()
    whole = opened.parts
    for at, year in enumerate(range(2000, 2030), 1):
        crasher = Crasher(at)
        opened.parts = crasher.around(whole, bench.embedders["static@1"])
        try:
            await library.update(id, {"metadata": {"year": year}})
            is_done = True
        except Crash:
            is_done = False
        opened.parts = whole
        # Then all chunks of it are seen with one of both
        seen = {n: len(await found(library, {"year": n})) for n in (year - 1, year)}
        assert sorted(seen.values()) == [0, 3]
        # And trying again ends it
        await library.update(id, {"metadata": {"year": year}})
        assert len(await found(library, {"year": year})) == 3
        if is_done:
            return
    raise AssertionError("it never came to its end")


async def test_a_change_while_the_collection_is_reindexed_reaches_both_indices(
    lent: tuple[Library, Bench, str],
) -> None:
    library, bench, id = lent
    parts = library.opened().parts
    # Given a reindex whose first document is changed right after its chunks were stored in the new index
    index = await prepare(parts, "books", "static@2", None)
    put = parts.vectors.put
    changes = [{"year": 2021}]

    async def put_and_change(space: Space, chunks: Sequence[Chunk]) -> None:
        await put(space, chunks)
        if changes:
            await library.update(id, {"metadata": changes.pop()})

    parts.vectors.put = put_and_change  # type: ignore[method-assign]
    # When it is built
    await build(parts, "books", index, lambda done, total: None)
    # Then the index that answers now has the change
    assert await bench.vectors.spaces() == [("books", 2)]
    assert len(await found(library, {"year": 2021})) == 3
    assert await found(library, {"year": 1999}) == []


async def test_a_document_that_is_taken_in_meanwhile_is_described_with_the_newest(
    lent: tuple[Library, Bench, str],
) -> None:
    library, bench, id = lent
    parts = library.opened().parts
    await library.update(id, {"metadata": {"year": 2021}})
    await upload(parts, await bench.payload(words(5, 7), metadata={"tag": "new"}), "k")
    assert await found(library, {"year": 2021, "tag": "new"}) == ["5 is a number.", "6 is a number."]
