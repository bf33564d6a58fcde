"""What a search finds, in which order, with which scores, and what it never shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca_documents.errors import CollectionNotFound, ValidationError
from abaca_documents.libraryfile import LibraryFile
from abaca_documents.model import HybridSettings, Metric, Rerank, SearchMode, SearchRequest, SearchResponse
from abaca_documents.searching.cache import SearchCache
from abaca_documents.searching.ranking import vector_score
from benchmarks.documents_stores import STORES, opened
from tests.documents_search.library import Library


@pytest.fixture(params=STORES)
async def library(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Library]:
    file = LibraryFile(tmp_path / "library.db")
    async with opened(request.param, file, tmp_path) as store:
        made = Library(file, store)
        await _filled(made)
        yield made
    await file.close()


async def _filled(made: Library) -> None:
    await made.make("animals")
    await made.add("cats", "Every cat sleeps all day", "A feline hunts at night", metadata={"year": 2020})
    await made.add("dogs", "A dog barks at the cat", "The hound follows", metadata={"year": 2021})
    await made.add("law", "The tax on dogs", metadata={"year": 2022})


def ids(answer: SearchResponse) -> list[str]:
    return [each.chunk_id for each in answer.results]


def ask(query: str, mode: str = "hybrid", **more: object) -> SearchRequest:
    given = {"collection": "animals", "use_cache": False} | more
    return SearchRequest(query=query, mode=SearchMode(mode), **given)  # type: ignore[arg-type]


async def test_meaning_is_found_without_the_word_and_words_without_the_meaning(library: Library) -> None:
    assert set(ids(await library.searcher.search(ask("kitten", "vector", top_k=2)))) == {"cats:0", "cats:1"}
    assert (await library.searcher.search(ask("kitten", "keyword"))).results == ()
    assert ids(await library.searcher.search(ask("barking", "keyword"))) == ["dogs:0"]


async def test_a_hybrid_search_puts_first_what_both_lists_have_first_and_says_why(library: Library) -> None:
    # When a query names a word and a meaning
    answer = await library.searcher.search(ask("the feline"))
    # Then what has both comes first: second of two equals by meaning, the only one by word
    best = answer.results[0]
    assert (best.score_breakdown.rank_vector, best.score_breakdown.rank_keyword) == (2, 1)
    assert best.chunk_id == "cats:1"
    assert best.score == pytest.approx((1 / 62 + 1 / 61) / (2 / 61), abs=1e-5)
    assert best.score_breakdown.vector == pytest.approx(1, abs=1e-3)
    assert (best.filename, best.title, best.page) == ("cats.txt", "Cats", 2)
    # And the fused rank of the others is lower
    scores = [each.score for each in answer.results]
    assert scores == sorted(scores, reverse=True)
    assert answer.results[1].score_breakdown.keyword is None


async def test_weights_decide_which_list_counts(library: Library) -> None:
    by_word = HybridSettings(vector_weight=0.01, keyword_weight=1)
    by_meaning = HybridSettings(vector_weight=1, keyword_weight=0.01)
    query = "kitten follows"
    assert ids(await library.searcher.search(ask(query, hybrid=by_word)))[0] == "dogs:1"
    assert ids(await library.searcher.search(ask(query, hybrid=by_meaning)))[0].startswith("cats")


@pytest.mark.parametrize("metric", list(Metric))
async def test_a_score_means_the_same_in_every_metric(library: Library, metric: Metric) -> None:
    # Given a collection of the metric
    name = f"by-{metric}"
    await library.make(name, metric)
    await library.add(f"doc-{metric}", "cat", "cat dog", "dog", collection=name)
    # When it is searched by meaning
    answer = await library.searcher.search(ask("cat", "vector", collection=name))
    # Then scores are (1 + cos) / 2
    assert [each.score for each in answer.results] == pytest.approx([1, (1 + 0.5**0.5) / 2, 0.5], abs=5e-3)
    assert answer.results[2].distance == pytest.approx({"cosine": 1, "l2": 2, "ip": 1}[metric], abs=1e-2)
    # And so a least score keeps the same ones
    limited = await library.searcher.search(ask("cat", "vector", collection=name, min_score=0.8))
    assert limited.total_results == 2


def test_distances_beyond_the_scale_stay_within_it() -> None:
    assert vector_score(Metric.L2, 100) == 0
    assert vector_score(Metric.INNER_PRODUCT, -5) == 1


async def test_what_is_not_visible_is_never_found_and_hides_nothing(library: Library) -> None:
    # Given a hundred invisible chunks that are nearer than any visible one
    await library.add("ghost", *["kitten kitten"] * 100, visible=False)
    await library.add("cats", "cat of the next revision", generation=2, visible=False)
    # When a search asks for more than there are
    for mode in SearchMode:
        answer = await library.searcher.search(ask("cat kitten", mode, hybrid=HybridSettings(candidates=10)))
        # Then the visible ones are all there, and no other
        assert {"cats:0"} <= set(ids(answer)) <= {"cats:0", "cats:1", "dogs:0", "dogs:1", "law:0"}
        assert "cat of the next revision" not in {each.text for each in answer.results}


async def test_a_new_revision_takes_the_place_of_the_old_one_at_once(library: Library) -> None:
    await library.add("cats", "kitten of the next revision", generation=2, visible=False)
    request = ask("cat", "vector", top_k=1, use_cache=True)
    before = await library.searcher.search(request)
    library.show("cats", "animals", 2)
    after = await library.searcher.search(request)
    assert before.results[0].text == "Every cat sleeps all day"
    assert after.results[0].text == "kitten of the next revision"


async def test_filters_and_documents_limit_what_is_found(library: Library) -> None:
    search = library.searcher.search
    assert ids(await search(ask("cat", filter={"year": {"$gt": 2020}}, mode="keyword"))) == ["dogs:0"]
    assert {each.document_id for each in (await search(ask("cat", document_ids=("law", "dogs")))).results} == {
        "law",
        "dogs",
    }
    both = await search(ask("cat", filter={"year": 2022}, document_ids=("law", "dogs")))
    assert {each.document_id for each in both.results} == {"law"}


async def test_several_collections_are_searched_as_one(library: Library) -> None:
    await library.make("taxes", Metric.L2)
    await library.add("levies", "A levy on kittens", collection="taxes")
    answer = await library.searcher.search(ask("levy", "vector", collection=None, collections=("animals", "taxes")))
    assert [(each.collection, each.document_id) for each in answer.results[:2]] == [
        ("animals", "law"),
        ("taxes", "levies"),
    ]
    with pytest.raises(CollectionNotFound):
        await library.searcher.search(ask("levy", collections=("nowhere",)))


async def test_one_chunk_of_each_document_where_asked_for(library: Library) -> None:
    answer = await library.searcher.search(ask("cat", "vector", group_by_document=True))
    assert answer.results[0].document_id == "cats"
    assert sorted(each.document_id for each in answer.results) == ["cats", "dogs", "law"]


async def test_pages_follow_one_another_without_gap_or_repeat(library: Library) -> None:
    whole = await library.searcher.search(ask("cat dog"))
    pages = [await library.searcher.search(ask("cat dog", offset=at, top_k=2)) for at in (0, 2, 4)]
    assert [id for page in pages for id in ids(page)] == ids(whole)
    assert {page.total_results for page in pages} == {whole.total_results} == {5}


async def test_mmr_prefers_what_was_not_said_yet(library: Library) -> None:
    await library.add("more", "cat cat", "kitten cat", "feline cat", "cat dog")
    plain = await library.searcher.search(ask("cat", "vector", top_k=2))
    mixed = await library.searcher.search(ask("cat", "vector", top_k=2, rerank=Rerank(mmr_lambda=0.3)))
    assert mixed.results[0].chunk_id == plain.results[0].chunk_id
    assert len({library.embedder.vector(each.text) for each in mixed.results}) == 2


async def test_highlights_are_the_words_of_the_query_in_any_form(library: Library) -> None:
    answer = await library.searcher.search(ask("what barks at cats?", "keyword", top_k=1))
    (result,) = answer.results
    assert [result.text[mark.start : mark.end] for mark in result.highlights] == ["barks", "cat"]
    bare = await library.searcher.search(ask("barks", "keyword", include_content=False))
    assert (bare.results[0].text, bare.results[0].highlights) == ("", ())


async def test_the_same_question_is_answered_from_memory_until_something_changes(library: Library) -> None:
    request = ask("cat", use_cache=True)
    first = await library.searcher.search(request)
    again = await library.searcher.search(request)
    assert (first.from_cache, again.from_cache) == (False, True)
    assert again.results == first.results
    assert library.embedder.queries == 1
    await library.add("new", "cat cat cat")
    fresh = await library.searcher.search(request)
    assert not fresh.from_cache
    assert "new:0" in ids(fresh)
    assert library.searcher.cache.forget("animals") == 2


async def test_answers_in_memory_are_bounded_in_number_and_time() -> None:
    now = 0.0
    cache = SearchCache(most=2, seconds=10, clock=lambda: now)
    for key in (b"a", b"b", b"c"):
        cache.keep(key, ["animals"], SearchResponse(query=key.decode()))
    assert [cache.find(key) is not None for key in (b"a", b"b", b"c")] == [False, True, True]
    now = 11.0
    assert cache.find(b"c") is None


async def test_documents_that_are_like_one_are_found_without_it(library: Library) -> None:
    await library.add("puppies", "A puppy and another hound")
    answer = await library.searcher.similar("animals", "dogs")
    assert answer.results[0].document_id == "puppies"
    assert "dogs" not in {each.document_id for each in answer.results}
    assert (await library.searcher.similar("animals", "nobody")).results == ()


async def test_a_filter_that_cannot_be_used_is_refused_before_anything_is_embedded(library: Library) -> None:
    with pytest.raises(ValidationError, match="no operator"):
        await library.searcher.search(ask("cat", filter={"a": {"$regex": "x"}}))
    assert library.embedder.queries == 0
