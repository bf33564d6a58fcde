"""An index in Chroma of one space of the library file: what is called in Chroma, and what is asked of the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apsw
import msgspec
import numpy as np
from msgspec.structs import replace

from abaca_documents.model import Metric, Vector
from abaca_documents.model.base import Value
from abaca_documents.vectors.chroma.client import is_missing
from abaca_documents.vectors.chroma.records import numbers
from abaca_documents.vectors.chroma.shelf import AT_ONCE, GRAPH
from abaca_documents.vectors.sqlitevec import ask
from abaca_documents.vectors.statements import sql


class Index(Value, frozen=True, kw_only=True):
    """``space`` is the id of a space in the file. ``name`` is empty where it has no index."""

    space: int
    metric: Metric
    name: str


def find(connection: apsw.Connection, space: int) -> Index | None:
    for name, metric in ask(connection, sql("index_find"), (space,)):
        return Index(space=space, metric=Metric(metric), name=name or "")
    return None


def named(connection: apsw.Connection, space: int, name: str) -> Index | None:
    """With its name, which is ``name`` if it had none; ``None`` where the space is not there."""
    known = find(connection, space)
    if known is None or known.name:
        return known
    ask(connection, sql("index_name"), (space, name))
    return replace(known, name=name)


def make_tables(connection: apsw.Connection) -> None:
    ask(connection, sql("index_tables"))


def forget_dropped(connection: apsw.Connection) -> None:
    ask(connection, sql("index_drop"))


def names_known(connection: apsw.Connection) -> set[str]:
    return {name for (name,) in ask(connection, sql("index_list"))}


def vectors_known(connection: apsw.Connection, index: Index) -> set[int]:
    return {id for (id,) in ask(connection, sql("vector_ids", space=index.space))}


def vectors_of(connection: apsw.Connection, space: int, ids: Iterable[int]) -> dict[int, Vector]:
    """Of those that are there."""
    given = msgspec.json.encode(list(ids)).decode()
    return {id: bytes(packed) for id, packed in ask(connection, sql("vector_some", space=space), (given,))}


def reach(client: Any) -> None:
    """Whoever is refused is refused before anything is written."""


def names_indexed(client: Any) -> set[str]:
    found: set[str] = set()
    at = 0
    while page := client.list_collections(limit=AT_ONCE, offset=at):
        at += len(page)
        found |= {each.name for each in page}
    return found


def ids_indexed(client: Any, index: Index) -> set[int]:
    collection = _collection(client, index.name)
    return set() if collection is None else {int(id) for id in collection.get(include=[])["ids"]}


def store(client: Any, index: Index, vectors: Mapping[int, Vector]) -> None:
    """What has no direction is near to nothing by cosine, and is left out."""
    kept = {id: each for id, each in vectors.items() if index.metric is not Metric.COSINE or any(each)}
    configuration = {"hnsw": {"space": index.metric.value, **GRAPH}}
    collection = client.get_or_create_collection(index.name, configuration=configuration, embedding_function=None)
    ids = list(kept)
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        collection.upsert(ids=[str(id) for id in some], embeddings=np.stack([numbers(kept[id]) for id in some]))


def forget(client: Any, index: Index, ids: Sequence[int]) -> None:
    collection = _collection(client, index.name)
    if collection is None:
        return
    for start in range(0, len(ids), AT_ONCE):
        collection.delete(ids=[str(id) for id in ids[start : start + AT_ONCE]])


def drop(client: Any, name: str) -> None:
    try:
        client.delete_collection(name)
    except Exception as error:
        if not is_missing(error):
            raise


def nearest(client: Any, index: Index, vector: Vector, limit: int) -> list[tuple[int, float]]:
    """Ids with their distances, the smallest first."""
    collection = _collection(client, index.name)
    if collection is None:
        return []
    answer = collection.query(query_embeddings=[numbers(vector)], n_results=limit, include=["distances"])
    pairs = zip(answer["ids"][0], answer["distances"][0], strict=True)
    return sorted(((int(id), float(far)) for id, far in pairs), key=lambda each: (each[1], each[0]))


def _collection(client: Any, name: str) -> Any:
    """Nothing where nothing was stored in it yet, or somebody dropped it."""
    try:
        return client.get_collection(name, embedding_function=None)
    except Exception as error:
        if is_missing(error):
            return None
        raise
