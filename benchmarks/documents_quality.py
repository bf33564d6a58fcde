"""How well a search finds: ``python -m benchmarks.documents_quality [minilm|static] [own|public]``.

172 sections of this project's documentation as they were once, and 140 queries written for them by hand: questions in
other words than the text, words of the text, and short wishes. Each query names the sections that answer it, one to
three of them. A section counts once, by its best chunk. Recall@10 is the share of the named sections among the first
ten, nDCG@10 rewards the earlier ones; both are means over queries.

``public`` is the set that a package carries, of ``benchmarks/documents_public.py``. The weights of the hybrid search
are chosen on every second query and judged on the others.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from abaca_documents.chunking import TextChunker
from abaca_documents.embedding.local import LocalEmbedder
from abaca_documents.embedding.weights import MINILM, STATIC
from abaca_documents.model import Chunk, ChunkSettings, HybridSettings, SearchMode
from abaca_documents.parsing import Kind, read
from abaca_documents.searching.ranking import Candidate, Lists, fuse, one_per_document, order
from benchmarks.documents_public import public
from benchmarks.documents_stage import Stage
from benchmarks.labelled import Labelled, Query

FOLDER = Path(__file__).parent / "quality"
FIRST = 10
GRID = [
    HybridSettings(rrf_k=k, vector_weight=vector, keyword_weight=1.0)
    for k in (5, 10, 20, 60)
    for vector in (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
]


@dataclass(frozen=True)
class Quality:
    recall: float
    ndcg: float

    def __str__(self) -> str:
        return f"recall@10 {self.recall:.3f}  nDCG@10 {self.ndcg:.3f}"


def queries() -> list[Query]:
    lines = (FOLDER / "queries.tsv").read_text().splitlines()
    return [Query(text, frozenset(names.split(";"))) for text, names in (line.split("\t") for line in lines)]


def passages() -> dict[str, str]:
    return {row["id"]: row["text"] for row in map(json.loads, (FOLDER / "passages.jsonl").read_text().splitlines())}


def judge(asked: Sequence[Query], found: Sequence[Sequence[str]]) -> Quality:
    recall = ndcg = 0.0
    for query, ids in zip(asked, found, strict=True):
        hits = [id in query.answers for id in ids[:FIRST]]
        best = sum(1 / math.log2(at + 2) for at in range(min(FIRST, len(query.answers))))
        recall += sum(hits) / len(query.answers)
        ndcg += sum(1 / math.log2(at + 2) for at, hit in enumerate(hits) if hit) / best
    return Quality(recall / len(asked), ndcg / len(asked))


def own() -> Labelled:
    return Labelled("own", passages(), queries())


class Bench:
    """Every query's candidates, taken once from the store."""

    def __init__(self, names: dict[str, str], labelled: Labelled) -> None:
        self.names = names
        self.labelled = labelled
        self.lists: dict[str, list[Candidate]] = {}

    def found(self, query: Query, mode: SearchMode, settings: HybridSettings) -> list[str]:
        candidates = self.lists[query.text]
        if mode is SearchMode.HYBRID:
            fuse(candidates, settings)
        else:
            for each in candidates:
                each.score = (each.vector if mode is SearchMode.VECTOR else each.keyword) or 0.0
            candidates = [each for each in candidates if each.score]
        return [self.names[each.chunk.document_id] for each in one_per_document(order(candidates))]

    def quality(self, asked: Sequence[Query], mode: SearchMode, settings: HybridSettings) -> Quality:
        return judge(asked, [self.found(query, mode, settings) for query in asked])


async def prepare(stage: Stage, chunking: ChunkSettings, labelled: Labelled) -> Bench:
    names = {f"p{at}": name for at, name in enumerate(labelled.texts)}
    chunker = TextChunker()
    chunks: list[Chunk] = []
    for id, text in zip(names, labelled.texts.values(), strict=True):
        pieces = chunker.chunk(read(text.encode(), "a.md", kind=Kind.MARKDOWN), chunking)
        vectors = await stage.embedder.embed([piece.embed_text or piece.text for piece in pieces])
        chunks += stage.chunks(id, pieces, vectors)
        stage.show(id)
    await stage.store.put(stage.space, chunks)
    bench = Bench(names, labelled)
    for query in labelled.queries:
        lists = Lists()
        vector = await stage.embedder.embed_query(query.text)
        lists.add_vector(stage.space.metric, await stage.store.nearest(stage.space, vector, 100, {}))
        lists.add_keyword(await stage.store.matching(stage.space, query.text, 100, {}))
        bench.lists[query.text] = lists.candidates()
    return bench


async def run(model: str, labelled: Labelled) -> None:
    embedder = LocalEmbedder({"minilm": MINILM, "static": STATIC}[model])
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder) / "quality.db", embedder)
        await stage.open()
        bench = await prepare(stage, ChunkSettings(), labelled)
        await stage.close()
    await embedder.close()
    report(model, bench)


def report(model: str, bench: Bench) -> None:
    chosen_on, judged_on = bench.labelled.halves
    best = max(GRID, key=lambda each: bench.quality(chosen_on, SearchMode.HYBRID, each).ndcg)
    print(f"{model}: {len(bench.names)} texts, {len(chosen_on)} + {len(judged_on)} queries")
    for mode in SearchMode:
        print(f"  {mode.value:8} {bench.quality(judged_on, mode, best)}")
    print(f"  default  {bench.quality(judged_on, SearchMode.HYBRID, HybridSettings())}  (all queries: "
          f"{bench.quality(bench.labelled.queries, SearchMode.HYBRID, HybridSettings())})")  # fmt: skip
    print(f"  chosen on the first half: rrf_k {best.rrf_k}, vector {best.vector_weight}, keyword 1")


def main(arguments: Sequence[str]) -> None:
    model = arguments[0] if arguments else "minilm"
    asyncio.run(run(model, public() if arguments[1:] == ["public"] else own()))


if __name__ == "__main__":
    main(sys.argv[1:])
