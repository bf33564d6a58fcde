"""A real browser, and what it must never do: ask another host, break the policy of a page, or raise in its script."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from abaca.http.sessions import COOKIE
from tests.browser.site import Site

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PATIENCE_MS = 30_000
TELLS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""

NewPage = Callable[..., Page]


def program() -> str:
    """Skips where there is no browser; in CI that is a failure."""
    found = os.environ.get("ABACA_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        message = "no Chromium is on PATH: `scripts/ensure_chromium.sh` installs it, or set ABACA_TEST_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site()
    site.start()
    yield site
    site.stop()


@pytest.fixture
def new_page(browser: Browser, site: Site) -> Iterator[NewPage]:
    """Makes pages, logged in unless told otherwise; the test fails on whatever one of them must never do. The browser
    tells of each answer that is an error; where ``is_refused``, that is what is tested."""
    wrong: list[str] = []
    contexts: list[BrowserContext] = []

    def requested(request: Request) -> None:
        if not request.url.startswith((f"{site.base}/", "data:", "blob:")):
            wrong.append(f"asked {request.url}")

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(f"said {message.text}")

    def said_of_refusals(message: ConsoleMessage) -> None:
        if not message.text.startswith("Failed to load resource: the server responded with a status of 4"):
            said(message)

    def make(*, logged_in: bool = True, is_refused: bool = False) -> Page:
        context = browser.new_context(viewport={"width": 1400, "height": 900}, base_url=site.base)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(TELLS)
        page = context.new_page()
        page.on("request", requested)
        page.on("console", said_of_refusals if is_refused else said)
        page.on("pageerror", lambda error: wrong.append(f"raised {error}"))
        if logged_in:
            context.add_cookies([{"name": COOKIE, "value": site.session, "url": site.base, "httpOnly": True}])
        return page

    yield make
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def shoot() -> Callable[[Page, str], None]:
    """Makes a picture of a page, to be looked at by people."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.screenshot(path=SHOTS / f"{name}.png")

    return take
