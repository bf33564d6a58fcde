"""The page "Will it compile?" in a real browser, with real compilers behind it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from abaca_compile.service.compiler import Compiler
from tests.browser.conftest import PATIENCE_MS, NewPage
from tests.browser.site import Site
from tests.compile_service.conftest import announced
from tests.compile_service.machine import WARNED, equipped

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
expect.set_options(timeout=PATIENCE_MS)
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1400, "light"), (1400, "dark"), (390, "light"))
BAD = "int main(void) {\n    int unused = 1;\n    return answer;\n}\n"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site(equipped())
    site.start()
    site.do(announced(Compiler.of(site.app)))
    yield site
    site.stop()


def test_messages_appear_in_the_text_and_the_keyboard_leads_to_them(
    new_page: NewPage, shoot: Callable[[Page, str], None]
) -> None:
    # Given a source with an error and a warning
    page = new_page()
    page.goto("/ui/compile")
    source = page.locator("#source")
    source.fill(BAD)
    page.fill("#flags", "-Wall")
    # When it is submitted from the keyboard
    source.press("Control+Enter")
    # Then the verdict is there, and the lines are marked
    expect(page.locator("#verdict-line")).to_have_text(re.compile(r"gcc-\d+: did not compile"))
    expect(page.locator("[data-gutter] .has-error")).to_have_text("3")
    expect(page.locator("[data-marks] .m-error")).to_have_text("answer")
    # When F8 leads to the message
    source.press("Control+Home")
    source.press("F8")
    expect(page.locator("#says")).to_contain_text("unused variable")
    source.press("F8")
    # Then it is said
    expect(page.locator("#says")).to_contain_text("undeclared (first use in this function)")
    shoot(page, "compile-messages")
    # When the code is repaired
    source.fill(BAD.replace("answer", "unused"))
    expect(page.locator("[data-gutter] .has-error")).to_have_count(0)
    page.get_by_role("button", name="Compile").click()
    # Then it compiles, and both are among the recent ones
    expect(page.locator("#verdict-line")).to_have_text(re.compile(r"gcc-\d+: compiled"))
    expect(page.locator("#recent-list li")).to_have_count(2)


def test_several_compilers_make_a_table(new_page: NewPage, shoot: Callable[[Page, str], None]) -> None:
    # Given two compilers
    page = new_page()
    page.goto("/ui/compile")
    page.fill("#source", WARNED)
    page.get_by_label("gcc-strict").check()
    # When
    page.get_by_role("button", name="Compile").click()
    # Then each has a row, and the messages of the one that did not compile are shown
    expect(page.locator("#verdict-line")).to_have_text("1 of 2 compiled")
    expect(page.locator("#rows tr")).to_have_count(2)
    page.locator("#messages button").first.click()
    expect(page.locator("#source")).to_be_focused()
    shoot(page, "compile-matrix")


def test_the_page_fits_in_every_light_and_width(new_page: NewPage, shoot: Callable[[Page, str], None]) -> None:
    page = new_page()
    page.goto("/ui/compile")
    page.fill("#source", BAD)
    page.get_by_role("button", name="Compile").click()
    expect(page.locator("#verdict-line")).to_have_text(re.compile(r"gcc-\d+: did not compile"))
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"it is {overflow} px wider than {width} px"
        shoot(page, f"compile-{width}-{scheme}")
