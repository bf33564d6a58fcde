"""The dashboard in a real browser: it is lived in, not only loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from abaca.model import State
from tests.browser.conftest import PATIENCE_MS, NewPage
from tests.browser.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
expect.set_options(timeout=PATIENCE_MS)

PAGES = (
    "",
    "/jobs",
    "/failed",
    "/queues",
    "/queues/other",
    "/workers",
    "/schedules",
    "/workflows",
    "/webhooks",
    "/bulk/cancel",
)
DOCS = "/api/v1/docs"
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1400, "light"), (1400, "dark"), (390, "light"))
STATUS = "[data-cell=status].big"


def same_page(page: Page) -> None:
    """Fails once the page was loaded anew after ``mark``."""
    assert page.evaluate("window.marked === true"), "the page was loaded anew"


def mark(page: Page) -> None:
    page.evaluate("window.marked = true")


def test_a_key_logs_in_and_leads_back_to_where_one_was_going(new_page: NewPage, site: Site) -> None:
    # Given
    page = new_page(logged_in=False)
    page.goto("/ui/jobs?status=failed")
    # When
    page.fill("#key", site.key)
    page.keyboard.press("Enter")
    # Then
    page.wait_for_url("**/ui/jobs?status=failed")
    assert page.evaluate("document.cookie") == "", "no script can read the session"
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/ui/login")


def test_a_job_is_watched_cancelled_and_requeued_without_loading_the_page(
    new_page: NewPage, site: Site, shoot: Callable[[Page, str], None]
) -> None:
    # Given
    id = site.walk()
    page = new_page()
    page.goto(f"/ui/jobs/{id}")
    expect(page.locator(STATUS)).to_contain_text("running")
    bar = page.locator("progress")
    expect(bar).to_have_attribute("value", "25.0")
    mark(page)
    # When it goes on
    site.forward()
    # Then the bar moves, and the log grows
    expect(bar).to_have_js_property("value", 50)
    expect(page.get_by_role("log")).to_contain_text("a step number=2")
    same_page(page)
    shoot(page, "job-running")
    # When it is cancelled
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("1 job running and told to stop.")).to_be_visible()
    # Then it ends before our eyes
    expect(page.locator(STATUS)).to_contain_text("cancelled")
    assert site.state(id) is State.CANCELLED
    # When it is requeued
    page.get_by_role("button", name="Requeue").click()
    expect(page.locator(STATUS)).to_contain_text("running")
    mark(page)
    site.forward(4)
    # Then it runs to its end
    expect(page.locator(STATUS)).to_contain_text("completed")
    expect(page.locator("[data-region=result]")).to_contain_text("arrived")
    same_page(page)


def test_new_jobs_are_announced_and_nothing_moves_under_the_pointer(new_page: NewPage, site: Site) -> None:
    # Given
    first = site.walk(tags=["watched"])
    page = new_page()
    page.goto("/ui/jobs?tag=watched")
    rows = page.locator("tr[data-row]")
    expect(rows).to_have_count(1)
    mark(page)
    before = rows.first.bounding_box()
    # When
    second = site.walk(tags=["watched"])
    # Then
    bar = page.locator(".new-bar")
    expect(bar).to_have_text("1 new")
    expect(rows).to_have_count(1)
    assert rows.first.bounding_box() == before
    # When the first one ends, its cell changes in its place
    site.forward(8)
    cell = page.locator(f"tr[data-row='{first}'] [data-cell=status]")
    expect(cell).to_have_text("completed")
    same_page(page)
    # When it is asked for, the new one is there, and the way back leads back
    bar.click()
    expect(rows).to_have_count(2)
    expect(page.locator(f"tr[data-row='{second}']")).to_be_visible()


def test_the_stream_is_closed_while_the_page_is_hidden(new_page: NewPage, site: Site) -> None:
    # Given
    page = new_page()
    page.goto("/ui/queues")
    word = page.locator("[data-live-word]")
    expect(word).to_have_text("live")
    # When
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    # Then
    expect(word).to_have_text("paused")
    page.wait_for_function("performance.now() > 0")
    for _ in range(300):
        if not site.is_watched:
            break
        page.wait_for_timeout(50)  # sleeps: the server hears of a closed connection when it does
    assert not site.is_watched
    # When it is seen again
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(word).to_have_text("live")


def test_the_keyboard_reaches_everything(new_page: NewPage, site: Site) -> None:
    # Given
    site.walk(tags=["keys"])
    site.walk(tags=["keys"])
    page = new_page()
    page.goto("/ui/jobs?tag=keys")
    # When, then
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    expect(page.locator("tr[data-row] .main").first).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("j")
    expect(page.locator("tr[data-row] .main").nth(1)).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("walk")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/jobs?q=walk")
    page.go_back()
    expect(page.locator("tr[data-row]")).to_have_count(2)
    site.forward(8)


def test_every_page_fits_speaks_to_its_own_host_and_keeps_its_policy(
    new_page: NewPage, site: Site, shoot: Callable[[Page, str], None]
) -> None:
    # Given
    hostile, workflow = site.fill()
    failed = f"/jobs/{site.failed()}"
    page = new_page()
    for path in (*PAGES, f"/jobs/{hostile}", failed, f"/workflows/{workflow}", DOCS):
        # When
        page.goto(path if path == DOCS else f"/ui{path}")
        # Then
        expect(page.locator("h1").first).to_be_visible()
        name = path.strip("/").partition("/")[0] or "overview"
        for width, scheme in LOOKS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{path} is {overflow} px wider than {width} px"
            if path == failed:
                cut = page.evaluate(
                    "(([s, d]) => d.getBoundingClientRect().right - s.getBoundingClientRect().right)"
                    "(['td.c-error', 'td.c-error details'].map((one) => document.querySelector(one)))"
                )
                assert cut <= 0, f"a run's error is {cut} px beyond its cell at {width} px, and not shown"
            if scheme == "light" or path in ("", f"/jobs/{hostile}"):
                shoot(page, f"{name}{'-one' if path.count('/') > 1 else ''}-{width}-{scheme}")
