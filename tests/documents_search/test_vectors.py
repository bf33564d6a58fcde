"""Chunks, vectors and words in a store: found by meaning and by word, replaced, swept and gone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import apsw
import msgspec
import numpy as np
import pytest

from abaca_documents.embedding.local import unit
from abaca_documents.errors import DocumentsError, ValidationError
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import Chunk, ChunkMetadata, Metadata, Metric, chunk_hash
from abaca_documents.protocols import Found, Space, VectorStore
from abaca_documents.vectors.sqlitevec import SqliteVectors
from benchmarks.documents_stores import STORES, opened

SPACE = Space(collection="papers", index=1, dimension=3)


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[LibraryFile]:
    opened = LibraryFile(tmp_path / "library.db")
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite(file: LibraryFile) -> SqliteVectors:
    made = SqliteVectors(file)
    await made.open_space(SPACE)
    return made


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, file: LibraryFile, tmp_path: Path) -> AsyncIterator[VectorStore]:
    async with opened(request.param, file, tmp_path) as made:
        await made.open_space(SPACE)
        yield made


def chunk(
    text: str,
    numbers: Sequence[float] | None = (1, 0, 0),
    *,
    document: str = "d1",
    index: int = 0,
    generation: int = 1,
    metadata: Metadata | None = None,
    headings: tuple[str, ...] = (),
) -> Chunk:
    return Chunk(
        document_id=document,
        collection="papers",
        index=index,
        text=text,
        chunk_hash=chunk_hash(text),
        generation=generation,
        where=ChunkMetadata(end_char=len(text), page=index + 1, heading_path=headings),
        metadata=metadata or {},
        embedding=unit(numbers) if numbers is not None else None,
        is_parent=numbers is None,
    )


def texts(found: Sequence[Found]) -> list[str]:
    return [each.chunk.text for each in found]


async def test_the_nearest_come_first_with_their_distance(store: VectorStore) -> None:
    # Given three directions
    directions = {"same": (1, 0, 0), "between": (1, 1, 0), "opposite": (-1, 0, 0)}
    await store.put(SPACE, [chunk(text, each, index=at) for at, (text, each) in enumerate(directions.items())])
    # When the nearest to one of them are asked for
    found = await store.nearest(SPACE, unit((2, 0, 0)), 10, {}, vectors=True)
    # Then they come in order, and distance is 1 - cos
    assert texts(found) == ["same", "between", "opposite"]
    assert [each.distance for each in found] == pytest.approx([0, 1 - 0.5**0.5, 2], abs=1e-6)
    assert found[1].chunk == chunk("between", (1, 1, 0), index=1)


@pytest.mark.parametrize("metric", list(Metric))
async def test_each_metric_gives_its_own_distance(store: VectorStore, metric: Metric) -> None:
    # Given a space of the metric with vectors of several lengths
    space = Space(collection="papers", index=2, dimension=3, metric=metric)
    await store.open_space(space)
    rows = np.array([[1, 2, 2], [0, 3, 1], [0.5, 0, 0]], "<f4")
    chunks = [chunk(str(at), index=at) for at in range(3)]
    await store.put(
        space,
        [Chunk(**{name: getattr(each, name) for name in each.__struct_fields__} | {"embedding": row.tobytes()})
         for each, row in zip(chunks, rows, strict=True)],
    )  # fmt: skip
    query = np.array([1, 0, 1], "<f4")
    # When asked for the nearest
    found = await store.nearest(space, query.tobytes(), 3, {})
    # Then distances are those of the definition
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
    wanted = {
        Metric.COSINE: 1 - rows @ query / norms,
        Metric.L2: ((rows - query) ** 2).sum(axis=1),
        Metric.INNER_PRODUCT: 1 - rows @ query,
    }[metric]
    assert [each.distance for each in found] == pytest.approx(sorted(wanted), abs=1e-5)


async def test_words_are_found_in_text_and_headings_in_any_form(store: VectorStore) -> None:
    await store.put(
        SPACE,
        [
            chunk("Workers renew leases", index=0),
            chunk("Nothing of it", index=1, headings=("Leasing",)),
            chunk("Café society", index=2),
        ],
    )
    assert texts(await store.matching(SPACE, "What is a lease?", 10, {})) == ["Workers renew leases", "Nothing of it"]
    assert texts(await store.matching(SPACE, "cafe", 10, {})) == ["Café society"]
    assert texts(await store.matching(SPACE, '"renew leases"', 10, {})) == ["Workers renew leases"]


@pytest.mark.parametrize("query", ['"', "a AND", "x* NEAR(", "text:leases", "-leases", "()", "😀", "'; DROP", "\0"])
async def test_what_a_person_types_is_never_a_query_language(store: VectorStore, query: str) -> None:
    await store.put(SPACE, [chunk("Workers renew leases")])
    await store.matching(SPACE, query, 10, {})
    assert len(await store.matching(SPACE, "leases", 10, {})) == 1


async def test_a_filter_limits_both_searches_before_they_are_cut(store: VectorStore) -> None:
    # Given many near chunks of one year and one far chunk of another
    near = [chunk(f"lease {at}", document="old", index=at, metadata={"year": 1999}) for at in range(30)]
    await store.put(SPACE, [*near, chunk("a lease", (0, 0, 1), document="new", metadata={"year": 2021})])
    where = {"year": {"$gt": 2000}}
    # Then the far one is found, however few are asked for
    assert texts(await store.nearest(SPACE, unit((1, 0, 0)), 1, where)) == ["a lease"]
    assert texts(await store.matching(SPACE, "lease", 1, where)) == ["a lease"]
    assert texts(await store.nearest(SPACE, unit((1, 0, 0)), 9, {"document_id": "old", "page": 3})) == ["lease 2"]
    with pytest.raises(ValidationError, match="no operator"):
        await store.nearest(SPACE, unit((1, 0, 0)), 1, {"year": {"$like": 1}})


async def test_writing_a_generation_again_replaces_it(store: VectorStore) -> None:
    # Given a generation of two chunks that was written before
    await store.put(SPACE, [chunk("old words", index=0), chunk("kept", (0, 1, 0), index=1)])
    # When one of them is written again with another text
    await store.put(SPACE, [chunk("new words", (0, 0, 1), index=0, metadata={"a": 1})])
    # Then nothing is there twice, and nothing of the old one
    assert await store.count("papers", 1) == {"d1": {1: 2}}
    assert texts(await store.matching(SPACE, "old new", 10, {})) == ["new words"]
    assert sorted(texts(await store.nearest(SPACE, unit((1, 0, 0)), 10, {}))) == ["kept", "new words"]
    assert await store.hashes("papers", 1, "d1", 1) == {chunk_hash("new words"): 0, chunk_hash("kept"): 1}


async def test_a_sweep_leaves_only_the_generations_that_are_kept(store: VectorStore) -> None:
    await store.put(SPACE, [chunk("lease one", index=at, generation=at + 1) for at in range(3)])
    await store.put(SPACE, [chunk("lease of another", document="d2")])
    assert await store.sweep("papers", 1, "d1", keep=[2]) == 2
    assert await store.count("papers", 1) == {"d1": {2: 1}, "d2": {1: 1}}
    assert len(await store.nearest(SPACE, unit((1, 0, 0)), 10, {})) == 2
    assert await store.sweep("papers", 1, "d1") == 1
    assert await store.sweep("papers", 1, "d1") == 0
    assert await store.sweep("nowhere", 1, "d1") == 0


async def test_metadata_of_a_generation_is_changed_in_one_step(store: VectorStore) -> None:
    # Given two generations of a document
    old = [chunk("lease one", index=at, metadata={"year": 1999}) for at in range(3)]
    await store.put(SPACE, [*old, chunk("lease two", generation=2, metadata={"year": 1999})])
    # When one of them is described anew
    assert await store.describe("papers", 1, "d1", 1, {"year": 2021, "tags": ["tax"]})
    # Then all of its chunks carry that, and the other one is as it was
    assert len(await store.matching(SPACE, "lease", 10, {"tags": "tax"})) == 3
    (other,) = await store.nearest(SPACE, unit((1, 0, 0)), 10, {"year": 1999})
    assert (other.chunk.text, other.chunk.metadata) == ("lease two", {"year": 1999})
    assert (await store.chunks("papers", 1, "d1", 1))[0].metadata == {"year": 2021, "tags": ["tax"]}
    # And what is not there is not made
    assert not await store.describe("papers", 1, "d1", 7, {})
    assert not await store.describe("nowhere", 1, "d1", 1, {})


async def test_chunks_are_listed_in_order_with_parents_that_no_search_finds(store: VectorStore) -> None:
    await store.put(SPACE, [chunk("child", index=1), chunk("parent and child", None, index=0), chunk("more", index=2)])
    first = await store.chunks("papers", 1, "d1", 1, limit=2, vectors=True)
    assert [(each.index, each.is_parent, each.embedding is None) for each in first] == [
        (0, True, True),
        (1, False, False),
    ]
    assert texts_of(await store.chunks("papers", 1, "d1", 1, after=1)) == ["more"]
    assert texts(await store.matching(SPACE, "child", 10, {})) == ["child"]
    assert await store.chunks("papers", 1, "d1", 7) == []


def texts_of(chunks: Sequence[Chunk]) -> list[str]:
    return [each.text for each in chunks]


async def test_a_space_keeps_its_dimension_and_metric_for_life(store: VectorStore) -> None:
    await store.open_space(SPACE)
    for other in (
        Space(collection="papers", index=1, dimension=4),
        Space(collection="papers", index=1, dimension=3, metric=Metric.L2),
    ):
        with pytest.raises(ValidationError, match="keeps them"):
            await store.open_space(other)
    with pytest.raises(ValidationError, match="16 bytes"):
        await store.put(SPACE, [chunk("four", (1, 0, 0, 0))])
    with pytest.raises(DocumentsError, match="open_space"):
        await store.put(Space(collection="papers", index=9, dimension=3), [chunk("lost")])


async def test_what_was_swept_or_dropped_is_nowhere_in_the_file(sqlite: SqliteVectors, file: LibraryFile) -> None:
    # Given chunks with words that nothing else has
    await sqlite.open_space(Space(collection="papers", index=2, dimension=3))
    await sqlite.put(SPACE, [chunk(f"zyxwvut{at} secretword", index=at, headings=("Qqqheading",)) for at in range(50)])
    await sqlite.put(SPACE, [chunk("what stays", document="d2")])
    await sqlite.put(
        Space(collection="papers", index=2, dimension=3), [chunk("droppedword", metadata={"a": "Metaword"})]
    )
    # When one document is swept and the other space dropped
    await sqlite.sweep("papers", 1, "d1")
    await sqlite.drop_space("papers", 2)
    await sqlite.drop_space("papers", 2)
    assert await sqlite.spaces() == [("papers", 1)]
    await file.close()
    # Then no byte of them is left
    left = b"".join(path.read_bytes().lower() for path in file.path.parent.iterdir())
    assert b"what stays" in left
    for word in (b"zyxwvut", b"secretword", b"secret", b"qqqhead", b"droppedword", b"metaword"):
        assert word not in left
    assert np.array(unit((1, 0, 0))).tobytes() + np.array(unit((1, 0, 0))).tobytes() not in left


@pytest.mark.parametrize("kind", [each for each in STORES if each != "chroma-server"])
async def test_words_of_a_large_document_are_in_no_file_after_it_was_swept(
    kind: str, file: LibraryFile, tmp_path: Path
) -> None:
    # Given documents whose many words share the pages of an index that has grown by and by
    async with opened(kind, file, tmp_path) as store:
        await store.open_space(SPACE)
        for at in range(20):
            for document, word in (("d1", "qyxwvut"), ("d2", "stays")):
                text = " ".join(f"{word}{at}x{each}" for each in range(200))
                one = chunk(text, document=document, index=at, headings=(word,), metadata={"a": word})
                await store.put(SPACE, [one])
        # When one of them is swept and the store scrubbed
        assert await store.sweep("papers", 1, "d1") == 20
        await store.scrub()
        # Then the other one is found, and alone
        assert len(await store.nearest(SPACE, unit((1, 0, 0)), 100, {})) == 20
        assert await store.matching(SPACE, "qyxwvut1x1 0", 10, {}) == []
        assert len(await store.matching(SPACE, "stays1x1", 10, {})) == 1
    await file.close()
    # And no byte of the first is in any file
    left = [path.read_bytes().lower() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"stays" in each for each in left)
    assert not any(b"qyxwvut" in each for each in left)


async def test_chunks_come_and_go_with_the_transaction_around_them(sqlite: SqliteVectors, file: LibraryFile) -> None:
    async def fail_after_putting() -> None:
        async with file.together():
            await sqlite.put(SPACE, [chunk("lease")])
            assert len(await sqlite.nearest(SPACE, unit((1, 0, 0)), 10, {})) == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_after_putting()
    assert await sqlite.nearest(SPACE, unit((1, 0, 0)), 10, {}) == []
    assert await sqlite.matching(SPACE, "lease", 10, {}) == []


async def test_a_large_space_finds_by_codes_what_comparing_all_vectors_finds(
    sqlite: SqliteVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given vectors around a hundred centres, as those of texts are around what they are about
    source = np.random.default_rng(7)
    space = Space(collection="papers", index=2, dimension=128)
    await sqlite.open_space(space)
    centres = source.standard_normal((100, 128))
    rows = (centres[source.integers(0, 100, 2000)] + 0.8 * source.standard_normal((2000, 128))).astype("<f4")
    for at, row in enumerate(rows):
        rows[at] = row / np.linalg.norm(row)
    chunks = [chunk(str(at), document=f"d{at % 2}", index=at, metadata={"odd": at % 2}) for at in range(2000)]
    await sqlite.put(
        space, [msgspec.structs.replace(each, embedding=row.tobytes()) for each, row in zip(chunks, rows, strict=True)]
    )
    # And one without direction
    await sqlite.put(
        space, [msgspec.structs.replace(chunk("nothing", document="d2", index=2000), embedding=bytes(512))]
    )

    async def found(query: int, where: Metadata) -> list[int]:
        return [each.chunk.index for each in await sqlite.nearest(space, rows[query].tobytes(), 10, where)]

    for where in ({}, {"odd": 1}):
        # When each vector is compared, and when codes choose those that are
        every = [await found(query, where) for query in range(40)]
        monkeypatch.setattr("abaca_documents.vectors.sqlitevec.LARGE", 400)
        monkeypatch.setattr("abaca_documents.vectors.sqlitevec.CANDIDATES", 200)
        coded = [await found(query, where) for query in range(40)]
        monkeypatch.undo()
        # Then nearly all of the same are found, in the same order
        same = sum(len(set(one) & set(other)) for one, other in zip(every, coded, strict=True))
        assert same >= 0.98 * 400
        assert all(one[0] == other[0] for one, other in zip(every, coded, strict=True))
        assert 2000 not in {index for each in coded for index in each}
    # And no code outlives its vector
    for document in ("d0", "d1", "d2"):
        await sqlite.sweep("papers", 2, document)
    tables = await file_tables(sqlite)
    assert tables == {"codes_2": 0, "vectors_2": 0}


async def file_tables(sqlite: SqliteVectors) -> dict[str, int]:
    def act(connection: apsw.Connection) -> dict[str, int]:
        return {
            name: int(str(connection.execute(f"SELECT count(*) FROM {name}").get)) for name in ("codes_2", "vectors_2")
        }

    return await sqlite._file.read(act)
