"""The pages of strategies in a real browser: written, run in the sandbox, looked at, compared, swept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from abaca import App
from abaca_sandbox import SandboxUnavailable
from abaca_strategies.data import DataSet, synthetic
from abaca_strategies.running.runtime import prepare_runtime
from tests.browser.conftest import NewPage
from tests.browser.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
PATIENCE_MS = 90_000
"""For a run: on a busy machine the processes of the sandbox take their time to start."""
expect.set_options(timeout=20_000)
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1400, "light"), (1400, "dark"), (390, "light"))
HOSTILE = "<img src=http://example.org/x onerror=alert(1)>"
CODE = f"""
def signals(df, params):
    from matplotlib import pyplot
    pyplot.plot(df["close"].tail(50).to_numpy())
    print({HOSTILE!r})
    fast, slow = params.get("fast", 5), params.get("slow", 40)
    return (df["close"].rolling(fast).mean() > df["close"].rolling(slow).mean()).astype(float)
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    try:
        prepare_runtime()
    except SandboxUnavailable as error:
        pytest.skip(f"strategies cannot be run here: {error}")
    site = Site(App("memory://", plugins=["strategies"], poll_interval=0.1))
    site.start()
    yield site
    site.stop()


def fits(page: Page, name: str, shoot: Callable[[Page, str], None]) -> None:
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{name} is {overflow} px wider than {width} px"
        shoot(page, f"strategies-{name}-{width}-{scheme}")
    page.set_viewport_size({"width": 1400, "height": 900})


def test_a_strategy_is_written_changed_run_compared_and_swept(
    new_page: NewPage, shoot: Callable[[Page, str], None]
) -> None:
    # Given a strategy whose name and prints are markup
    page = new_page()
    page.goto("/ui/strategies")
    form = page.locator('form[action$="/strategies/create"]').first
    form.get_by_label("Name").fill(HOSTILE)
    form.get_by_label("Code").fill(CODE)
    form.get_by_role("button").click()
    expect(page.locator("h1")).to_have_text(HOSTILE)
    # When its code is wrong
    page.locator("#code").fill(CODE + "\nreturn 1\n")
    page.get_by_role("button", name="Validate").click()
    # Then the finding leads to the line, and nothing is lost
    page.locator("[data-line]").first.click()
    expect(page.locator("#code")).to_be_focused()
    expect(page.locator("#code")).to_have_value(re.compile("return 1"))
    # When it is repaired and saved from the keyboard
    page.locator("#code").fill(CODE.replace("40", "30"))
    page.keyboard.press("Control+s")
    expect(page.locator("#h-code")).to_contain_text("version 2")
    page.get_by_role("link", name="what changed").first.click()
    # Then the difference is shown
    expect(page.locator(".d-add")).to_contain_text("30")
    fits(page, "editor", shoot)
    # When both versions run
    for version in (1, 2):
        page.goto(f"/ui/strategies/1?version={version}")
        page.get_by_role("button", name=f"Run version {version}").click()
        # Then the page shows the result by itself, with the picture and the prints
        expect(page.locator("#equity svg")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.locator("h1")).to_have_text(f"Back-test of {HOSTILE}, version {version}")
        assert page.title().startswith("Back-test of")
        expect(page.locator("#prints pre")).to_contain_text(HOSTILE)
        page.wait_for_function("document.querySelector('#images img').naturalWidth > 0")
    fits(page, "backtest", shoot)
    # When they are compared
    page.goto("/ui/strategies/1")
    for box in page.locator('input[name="run"]').all():
        box.check()
    page.get_by_role("button", name="Compare the chosen").click()
    # Then their curves are in one picture
    expect(page.locator("#h-growth ~ figure .curve, figure .curve")).to_have_count(2)
    fits(page, "compare", shoot)
    # When it is swept
    page.goto("/ui/strategies/1")
    page.get_by_label("Grid, as JSON").fill('{"fast": [3, 5], "slow": [20, 40]}')
    page.get_by_role("button", name="Sweep").click()
    # Then the map has every point in it
    expect(page.locator(".big .status")).to_contain_text("completed", timeout=PATIENCE_MS)
    expect(page.locator(".heat td[class*=h]")).to_have_count(4)
    fits(page, "sweep", shoot)


def test_a_screen_is_made_and_a_rule_is_made_tried_muted_and_deleted(
    new_page: NewPage, shoot: Callable[[Page, str], None]
) -> None:
    # Given a strategy, of which the first text was no code
    page = new_page(is_refused=True)
    page.goto("/ui/strategies")
    form = page.locator('form[action$="/strategies/create"]').first
    form.get_by_label("Code").fill("def signals(")
    form.get_by_role("button").click()
    expect(form.get_by_role("alert")).to_contain_text("Not taken. line 1")
    expect(form.get_by_label("Code")).to_have_value("def signals(")
    form.get_by_label("Name").fill("held")
    form.get_by_label("Code").fill("def signals(df, params):\n    return (df['close'] > 0).astype(float)\n")
    form.get_by_role("button").click()
    expect(page.locator("h1")).to_have_text("held")
    id = page.url.rpartition("/")[2].partition("?")[0]
    # When a screen is asked for
    page.goto("/ui/strategies/screens")
    page.get_by_label("Strategies, by number").fill(id)
    page.get_by_label("At most").fill("3")
    page.get_by_role("button", name="Screen", exact=True).click()
    # Then its page shows the ranking by itself
    expect(page.locator('[data-region="result"] tbody tr')).to_have_count(3, timeout=PATIENCE_MS)
    fits(page, "screen", shoot)
    # When a rule is made
    page.goto("/ui/strategies/alerts")
    page.get_by_label("Name").fill(HOSTILE)
    page.locator('select[name="strategy_id"]').select_option(id)
    page.get_by_label("Every").fill("1h")
    page.get_by_role("button", name="Make the rule").click()
    # Then it is on, and can be muted
    expect(page.locator("h1")).to_have_text(HOSTILE)
    expect(page.locator('[data-region="state"]')).to_have_text("on")
    page.get_by_role("button", name="Mute").click()
    expect(page.locator('[data-region="state"]')).to_have_text("muted")
    fits(page, "alert", shoot)
    # When it is tried, Then nothing is kept
    rule = page.url
    page.get_by_role("button", name="Test").click()
    page.goto(rule)
    expect(page.locator('[data-region="history"]')).to_contain_text("It has found nothing yet.")
    # When it is deleted, Then it is gone
    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete this rule").click()
    expect(page.locator('[data-region="rules"]')).to_contain_text("No rule yet.")


def test_a_strategy_is_written_from_words_and_what_cannot_be_is_said_beside_them(new_page: NewPage) -> None:
    # When a strategy is asked for that no template can write
    page = new_page(is_refused=True)
    page.goto("/ui/strategies")
    form = page.locator('form[action$="/strategies/create"]').last
    form.get_by_label("What it shall do").fill("Buy before earnings")
    form.get_by_role("button").click()
    # Then that is said beside the words, which stay
    expect(form.get_by_role("alert")).to_contain_text("Not written.")
    expect(form.get_by_label("What it shall do")).to_have_value("Buy before earnings")
    # When they are changed, Then the page of the strategy opens
    form.get_by_label("What it shall do").fill("Buy when the 20 day moving average crosses above the 60 day")
    form.get_by_role("button").click()
    expect(page.locator("h1")).to_have_text("Simple moving averages 20/60")
    expect(page.locator("#code")).to_have_value(re.compile("'slow': 60"))


def test_the_other_pages_open_and_fit(new_page: NewPage, shoot: Callable[[Page, str], None]) -> None:
    page = new_page()
    for name in ("screens", "alerts", "data", "data/synthetic"):
        page.goto(f"/ui/strategies/{name}")
        expect(page.locator("h1")).to_be_visible()
        fits(page, name.replace("/", "-"), shoot)


def test_data_come_in_from_a_file_and_what_is_wrong_is_said_beside_it(
    new_page: NewPage, tmp_path: Path, shoot: Callable[[Page, str], None]
) -> None:
    # Given prices in a file, the same as Parquet, the same with a fault, and facts of two kinds
    table = bars_of(synthetic(tickers=2, bars=300, seed=3))
    prices, parquet, broken = tmp_path / "My prices.csv", tmp_path / "more.parquet", tmp_path / "broken.csv"
    table.to_csv(prices, index=False)
    table.to_parquet(parquet, index=False)
    table.assign(high=table["high"].where(table.index != 40, 0.01)).to_csv(broken, index=False)
    facts, strange = tmp_path / "facts.csv", tmp_path / "strange.json"
    facts.write_text(f"ticker,sector,listed\nSYN01,energy,1999\nSYN02,{HOSTILE.replace(',', '')},2004\n")
    strange.write_text('{"NONE": {"sector": "energy"}}')
    page = new_page(is_refused=True)
    page.goto("/ui/strategies/data")
    wrong, says = page.locator("#upload-wrong"), page.locator("#upload-says")
    # When no file is chosen, Then that is said where one is chosen
    page.get_by_role("button", name="Take it in").click()
    expect(wrong).to_contain_text("Not taken. File: choose one")
    expect(page.locator("#upload input[name=file]")).to_be_focused()
    # When the data have a fault, Then it is told by ticker, and nothing is kept
    page.set_input_files("#upload input[name=file]", broken)
    page.get_by_role("button", name="Take it in").click()
    expect(wrong.locator("tbody tr").first).to_contain_text("SYN01")
    expect(wrong).to_contain_text("high")
    fits(page, "upload-refused", shoot)
    # When facts are of a ticker that is not there, Then the field of the facts says so
    page.set_input_files("#upload input[name=file]", prices)
    expect(page.locator("#upload input[name=name]")).to_have_value("My-prices")
    page.set_input_files("#upload input[name=facts]", strange)
    page.get_by_role("button", name="Take it in").click()
    expect(wrong).to_have_text("Not taken. Facts: there are no bars of NONE")
    expect(page.locator("#upload input[name=facts]")).to_have_attribute("aria-invalid", "true")
    # When it is repaired and checked, Then it is sound, and nothing was kept
    page.set_input_files("#upload input[name=facts]", facts)
    page.get_by_role("button", name="Check alone").click()
    expect(says).to_have_text("Sound: 600 bars of 2 tickers. Nothing was kept.")
    expect(wrong).to_be_empty()
    # When it is taken in, Then its page has the prices and the facts
    page.get_by_role("button", name="Take it in").click()
    expect(page.locator("h1")).to_have_text("My-prices")
    expect(page.locator("section", has=page.locator("#h-facts")).locator("tbody tr")).to_have_count(2)
    expect(page.locator("section", has=page.locator("#h-facts"))).to_contain_text(HOSTILE)
    expect(page.locator(".curve")).to_be_visible()
    fits(page, "dataset", shoot)
    # When it is asked to be deleted, Then that is asked once more
    page.locator("summary", has_text="Delete").click()
    expect(page.get_by_role("button", name="Delete My-prices")).to_be_visible()
    # When other data come under its name, Then that is refused, beside the name or above; and Parquet comes in as well
    page.goto("/ui/strategies/data")
    page.set_input_files("#upload input[name=file]", parquet)
    page.locator("#upload input[name=name]").fill("synthetic")
    page.get_by_role("button", name="Take it in").click()
    expect(wrong).to_contain_text("the name synthetic is that of the built-in data set")
    page.locator("#upload input[name=name]").fill("more")
    page.get_by_role("button", name="Take it in").click()
    expect(page.locator("h1")).to_have_text("more")


def bars_of(data: DataSet) -> pd.DataFrame:
    """A row for each ticker and bar, as people keep prices."""
    parts = [
        frame.assign(date=pd.DatetimeIndex(frame.index).strftime("%Y-%m-%d"), ticker=ticker)
        for ticker, frame in data.bars.items()
    ]
    return pd.concat(parts, ignore_index=True)
