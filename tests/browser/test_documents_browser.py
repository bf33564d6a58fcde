"""The pages of documents in a real browser: files are dropped, followed, searched, opened at their passage, deleted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Dialog, FilePayload, Page, expect

from abaca_documents.library import Library
from abaca_documents.model import CollectionRequest
from tests.browser.conftest import PATIENCE_MS, NewPage
from tests.browser.documents_site import site_of_documents
from tests.browser.site import Site
from tests.documents_search.files import pdf_of
from tests.http.served import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
expect.set_options(timeout=PATIENCE_MS)
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1400, "light"), (1400, "dark"), (390, "light"))
ROSES = (
    "# The garden\n\n"
    + "Lawns are mown on Saturdays, and the gate is oiled. " * 40
    + ("\n\n## Roses\n\nRoses want sun and much water. Cut them back in spring, above an eye that looks outwards.\n\n")
    + "Hedges are clipped in June, when no bird broods. " * 40
)
VIEWER = 'document.querySelector("pdf-viewer")?.shadowRoot?.querySelector("viewer-toolbar")?.pageNo'
HOSTILE = "<img src=x onerror=alert(1)>.md"
HOSTILE_TEXT = '# <script>alert(2)</script>\n\nThe zeppelin <b onclick=alert(3)>lands</b> & "stays".\n'


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with site_of_documents() as site:
        yield site


def payload(name: str, content: str | bytes) -> FilePayload:
    data = content if isinstance(content, bytes) else content.encode()
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def upload(page: Page, *files: FilePayload, collection: str) -> None:
    """Until all of them have ended."""
    page.goto("/ui/documents")
    page.fill("#into", collection)
    page.set_input_files("#files", list(files))
    expect(page.locator("#upload-says")).to_contain_text(f"{len(files)} of {len(files)} files ended")


def test_files_are_sent_followed_found_and_opened_where_the_passage_stands(
    new_page: NewPage, shoot: Callable[[Page, str], None]
) -> None:
    # Given a garden book, a pdf, and a file that is none of its kind
    page = new_page()
    broken = payload("broken.pdf", b"%PDF-1.7\nnothing of a pdf follows")
    pdf = payload("ships.pdf", pdf_of(["The harbour opens at six.", "A pilot leads ships that arrive by night."]))
    # When they are sent
    upload(page, payload("garden.md", ROSES), pdf, broken, collection="books")
    # Then each line says how it ended, and the list has them without a look by hand
    lines = page.locator("#sending li")
    expect(lines.filter(has_text="garden.md")).to_have_class("is-done")
    expect(lines.filter(has_text="broken.pdf")).to_have_class("is-bad")
    listed = page.locator("[data-region=list] [data-row]")
    expect(listed).to_have_count(3)
    expect(listed.filter(has_text="broken.pdf")).to_contain_text("pdf")
    expect(listed.filter(has_text="garden.md").locator(".c-status")).to_contain_text("completed")
    shoot(page, "documents-list")
    # When somebody searches, with the keyboard alone
    page.locator("#query").focus()
    page.keyboard.type("when are roses cut back?")
    page.keyboard.press("Enter")
    # Then the passage is there with its words marked, and leads to its place in the text
    first = page.locator(".hit").first
    expect(first.locator("mark", has_text=re.compile("^Roses$")).first).to_be_visible()
    shoot(page, "documents-search")
    first.locator("a.main").click()
    expect(page.locator("#passage")).to_be_in_viewport()
    expect(page.locator("#passage")).to_contain_text("Roses want sun and much water.")
    expect(page.locator(".doc-text")).to_contain_text("Hedges are clipped in June")
    whole = page.locator(".doc-text").inner_text()
    assert whole.count("Roses want sun") == 1
    shoot(page, "documents-passage")


def page_in_viewer(shown: Page) -> int | None:
    """The page that the browser's own viewer is at; the viewer comes a while after the file."""
    shown.evaluate("0")
    for frame in shown.frames:
        if frame.url.startswith("chrome-extension://"):
            at: int | None = frame.evaluate(VIEWER)
            return at
    return None


def test_a_pdf_is_shown_at_the_page_of_the_hit(
    site: Site, new_page: NewPage, shoot: Callable[[Page, str], None]
) -> None:
    # Given a pdf whose second page has the words, in a collection of small chunks
    page = new_page()
    small = CollectionRequest(name="pdfs", chunk_size=64, chunk_overlap=0)
    site.do(Library.of(site.app).create_collection(small))
    upload(
        page,
        payload("night.pdf", pdf_of(["Nothing is here, by day or later. " * 3, "Owls hunt by night. " * 3])),
        collection="pdfs",
    )
    # When
    page.goto("/ui/documents?q=owls&mode=keyword&collection=pdfs")
    link = page.get_by_role("link", name="Open the original at page 2").first
    address = link.get_attribute("href") or ""
    with page.context.expect_page() as opened:
        link.click()
    # Then the browser shows the file itself, at that page, and is told to run nothing of it
    assert address.endswith("/content?inline=true#page=2")
    shown = opened.value
    shown.wait_for_load_state()
    assert shown.url.endswith("#page=2")
    assert shown.evaluate("document.contentType") == "application/pdf"
    wait_for(lambda: page_in_viewer(shown) == 2)
    shoot(shown, "documents-pdf")


def test_what_files_are_called_and_say_is_text(new_page: NewPage) -> None:
    # Given a file whose name, title and text are markup
    page = new_page()
    asked: list[str] = []

    def opened(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", opened)
    upload(page, payload(HOSTILE, HOSTILE_TEXT), collection="hostile")
    expect(page.locator("[data-region=list]")).to_contain_text(HOSTILE)
    # When it is listed, found, and read
    page.goto('/ui/documents?collection=hostile&q=zeppelin+"><script>alert(4)</script>')
    expect(page.locator(".hit").first).to_contain_text("<b onclick=alert(3)>lands</b>")
    page.locator(".hit a.main").first.click()
    # Then it is text everywhere, and nothing of it ran
    expect(page.locator(".doc-text")).to_contain_text('<b onclick=alert(3)>lands</b> & "stays".')
    assert page.locator("main img, main script, main b[onclick]").count() == 0
    assert asked == []


def test_a_document_is_taken_in_anew_and_deleted(new_page: NewPage, shoot: Callable[[Page, str], None]) -> None:
    # Given
    page = new_page()
    upload(page, payload("again.md", ROSES), collection="again")
    page.locator("[data-region=list] a.main", has_text="again.md").click()
    # When it is cut otherwise
    page.get_by_text("Take it in anew").click()
    page.get_by_label("Size of a chunk").fill("128")
    page.get_by_label("In common with the next").fill("0")
    page.get_by_role("button", name="Reindex").click()
    # Then both revisions are told of, and the new one is found
    expect(page.locator("[data-region=revisions] tbody tr")).to_have_count(2)
    expect(page.locator("[data-region=revisions] tbody tr").first).to_contain_text("found")
    expect(page.locator("[data-region=facts]")).to_contain_text("sentence, 128")
    shoot(page, "documents-one")
    # When it is deleted
    page.get_by_text("Delete", exact=True).first.click()
    page.get_by_role("button", name="Delete again.md").click()
    # Then it is in no list, but in that of the deleted
    expect(page.locator(".flash")).to_contain_text("It is deleted.")
    page.goto("/ui/documents?collection=again")
    expect(page.locator("main")).to_contain_text("No document fits this filter.")
    page.goto("/ui/documents?collection=again&status=deleted")
    expect(page.locator("[data-row]")).to_contain_text("again.md")


def test_its_jobs_are_in_the_ordinary_dashboard(new_page: NewPage) -> None:
    # Given a document that was taken in
    page = new_page()
    upload(page, payload("tides.md", "# Tides\n\nThe tide turns at four."), collection="sea")
    # When somebody asks the dashboard for jobs of uploads
    page.goto("/ui/jobs?task=documents.document_upload&q=tides.md")
    # Then it is there, and its page tells the last stage and what came of it
    page.get_by_role("link", name=re.compile("documents.document_upload")).first.click()
    expect(page.locator("h1")).to_contain_text("documents.document_upload")
    expect(page.locator("main")).to_contain_text("completed")
    expect(page.locator("main")).to_contain_text('"filename": "tides.md"')


def test_the_pages_fit_in_every_light_and_width(new_page: NewPage, shoot: Callable[[Page, str], None]) -> None:
    page = new_page()
    long = "a-very-long-name-" * 12 + ".md"
    upload(page, payload("fits.md", ROSES), payload(long, "Words.\n\n" + "unbroken" * 200), collection="looks")
    page.goto("/ui/documents?q=roses&collection=looks")
    read = page.locator(".hit a.main").first.get_attribute("href")
    assert read
    for name, address in (("list", "/ui/documents"), ("hits", "/ui/documents?q=words+roses"), ("one", read)):
        page.goto(address)
        for width, scheme in LOOKS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{name} is {overflow} px wider than {width} px"
            shoot(page, f"documents-{name}-{width}-{scheme}")
