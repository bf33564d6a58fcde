"""Files that are dropped on the page of documents and followed, stage by stage; a long text that is read in parts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import JSHandle, Page, expect

from abaca_documents.library import Library
from abaca_documents.model import CollectionRequest
from abaca_documents.vectors.sqlitevec import SqliteVectors
from tests.browser.conftest import PATIENCE_MS, NewPage
from tests.browser.documents_site import site_of_documents
from tests.browser.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
expect.set_options(timeout=PATIENCE_MS)
DRAGGED = """(files) => {
  const data = new DataTransfer();
  for (const [name, text] of files) data.items.add(new File([text], name));
  return data;
}"""
FOLDER = """() => {
  const item = { webkitGetAsEntry: () => ({ isDirectory: true, name: "papers" }) };
  const dropped = new Event("drop", { bubbles: true, cancelable: true });
  dropped.dataTransfer = { types: ["Files"], items: [item], files: [new File([""], "papers")] };
  document.body.dispatchEvent(dropped);
}"""


class Gate:
    """Lets one batch of chunks of each document through; the rest wait until it opens."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self._seen: set[str] = set()

    async def passed(self, document_id: str) -> None:
        if document_id in self._seen:
            await self.opened.wait()
        self._seen.add(document_id)


@pytest.fixture
def gate(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate, put = Gate(), SqliteVectors.put

    async def gated(self: SqliteVectors, space: Any, chunks: Any) -> Any:
        await gate.passed(chunks[0].document_id)
        return await put(self, space, chunks)

    monkeypatch.setattr(SqliteVectors, "put", gated)
    yield gate
    site.do(opening(gate))


async def opening(gate: Gate) -> None:
    gate.opened.set()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with site_of_documents() as site:
        small = CollectionRequest(name="long", chunk_size=64, chunk_overlap=0)
        site.do(Library.of(site.app).create_collection(small))
        yield site


def paragraphs(count: int, about: str = "nothing") -> str:
    return "".join(f"Paragraph number {n:03} tells of {about if n == 100 else 'little'}.\n\n" for n in range(count))


def dragged(page: Page, *files: tuple[str, str]) -> JSHandle:
    return page.evaluate_handle(DRAGGED, [list(each) for each in files])


def test_dropped_files_are_followed_stage_by_stage(
    site: Site, new_page: NewPage, shoot: Callable[[Page, str], None], gate: Gate
) -> None:
    # Given two files that are dragged over the page
    page = new_page()
    page.goto("/ui/documents")
    page.fill("#into", "long")
    data = dragged(page, ("long.md", paragraphs(500)), ("short.md", "Roses are pruned in March.\n"))
    page.dispatch_event("#upload .well", "dragenter", {"dataTransfer": data})
    expect(page.locator("#upload")).to_have_class(re.compile("is-over"))
    shoot(page, "documents-dragged")
    # When they are let go beside the field
    page.dispatch_event(".filters", "drop", {"dataTransfer": data})
    # Then each is followed: the short one is ready while the long one is being stored, here and in the list
    expect(page.locator("#upload")).not_to_have_class(re.compile("is-over"))
    lines, listed = page.locator("#sending li"), page.locator("[data-region=list] [data-row]")
    long, in_list = lines.filter(has_text="long.md"), listed.filter(has_text="long.md")
    expect(lines.filter(has_text="short.md")).to_have_class("is-done")
    expect(long.locator(".says")).to_have_text(re.compile(r"^store 100 of \d+ chunks$"))
    assert 70 < float(long.locator("progress").get_attribute("value") or 0) < 90
    expect(page.locator("#upload-says")).to_contain_text("1 of 2 files ended")
    expect(in_list.locator(".stage")).to_contain_text("store 100 of")
    shoot(page, "documents-dropped")
    long.locator("a.name").click()
    expect(page.locator("[data-region=progress]")).to_contain_text("store 100 of")
    shoot(page, "documents-under-way")
    # And the page of the document follows it to its end
    site.do(opening(gate))
    expect(page.locator("[data-region=status]")).to_contain_text("completed")
    expect(page.locator("[data-region=progress] progress")).to_have_count(0)
    expect(page.locator(".doc-text")).to_contain_text("Paragraph number 000 tells of little.")


def test_a_dropped_folder_is_not_sent_and_it_is_said_how_it_goes(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/ui/documents")
    page.evaluate(FOLDER)
    line = page.locator("#sending li")
    expect(line).to_have_class("is-bad")
    expect(line).to_contain_text("papers")
    expect(line).to_contain_text("abaca docs add FOLDER --recursive")
    # And text that is dragged over is none of its business
    page.evaluate("document.body.dispatchEvent(new DragEvent('dragenter', {bubbles: true}))")
    expect(page.locator("#upload")).not_to_have_class(re.compile("is-over"))


def test_a_long_text_is_read_from_the_passage_to_both_ends(
    new_page: NewPage, shoot: Callable[[Page, str], None]
) -> None:
    # Given a text of 200 chunks, and a hit in its middle
    page = new_page()
    page.goto("/ui/documents")
    page.fill("#into", "long")
    data = dragged(page, ("middle.md", paragraphs(200, "zebras")))
    page.dispatch_event("#upload", "drop", {"dataTransfer": data})
    expect(page.locator("#upload-says")).to_contain_text("1 of 1 files ended")
    page.goto("/ui/documents?q=zebras&mode=keyword&collection=long")
    page.locator(".hit a.main").first.click()
    text = page.locator(".doc-text")
    expect(page.locator("#passage b")).to_have_text("zebras")
    begin, end = span(text.inner_text())
    assert begin < 100 < end
    shoot(page, "documents-between")
    # When the links to what is before and behind are followed, Then nothing is left out between, to either end
    hit = page.url
    for name, last in (("What comes before", 0), ("What comes after", 199)):
        page.goto(hit)
        reached = span(text.inner_text())
        while (link := page.get_by_role("link", name=name)).count():
            link.click()
            page.wait_for_url(re.compile(r"from=\d+"))
            here = span(text.inner_text())
            assert here != reached
            assert here[0] <= reached[1] + 1
            assert reached[0] <= here[1] + 1
            reached = here
        assert last in reached


def span(text: str) -> tuple[int, int]:
    """The first and the last paragraph in a text that has all between."""
    numbers = [int(each) for each in re.findall(r"number (\d+)", text)]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    return numbers[0], numbers[-1]
