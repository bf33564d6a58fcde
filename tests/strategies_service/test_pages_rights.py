"""Pages, pictures and files of one user, asked for by another."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from abaca.batching import lane_of
from abaca_strategies.models import ResponseImage, StrategyPlotData
from abaca_strategies.web.pages.alerts import short_address
from tests.strategies.test_results import by_signals
from tests.strategies_service.calling import Desk, desk_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with desk_of(tmp_path, monkeypatch, works=False) as desk:
        yield desk


async def back_tested(desk: Desk, owner: Desk, strategy: int) -> str:
    """A back-test of ``owner`` that has ended, with a picture and a figure."""
    answer = await owner.post(f"/strategies/{strategy}/backtests", {"symbols": ["SYN01"]})
    assert answer.status_code == 202, answer.text
    result = msgspec.structs.replace(
        by_signals(),
        strategy_id=strategy,
        response_images=[ResponseImage(data=base64.b64encode(PNG).decode())],
        strategy_plots=[StrategyPlotData(plot_id=0, data={"data": [{"type": "pie"}]})],
    )
    await desk.api.complete(await desk.api.claim("strategies", lane_of("strategies.backtest")), result)
    return str(answer.json()["job_id"])


async def asked(who: Desk, method: str, path: str, **fields: str) -> httpx.Response:
    options = {"data": {"csrf": "", **fields}} if method == "POST" else {}
    return await who.api.client.request(method, f"/ui{path}", headers=who.headers, **options)  # type: ignore[arg-type]


async def test_pictures_and_pages_are_not_there_for_another_user(desk: Desk) -> None:
    # Given a strategy of one user with a back-test, a sweep, a screen and a rule
    ada, bob = await desk.of("ada"), await desk.of("bob")
    boss, reader = await desk.of("boss", "admin"), await desk.of("eve", "jobs:read")
    strategy = await ada.made()
    run = await back_tested(desk, ada, strategy)
    sweep = (await ada.post(f"/strategies/{strategy}/sweeps", {"grid": {"fast": [3]}})).json()["id"]
    screen = (await ada.post("/screens", {"strategy_ids": [strategy]})).json()["job_id"]
    rule = (await ada.post("/alerts", {"strategy_id": strategy, "every": "1h"})).json()["id"]
    backtest = f"/strategies/backtests/{run}"
    pages = [
        f"/strategies/{strategy}",
        f"/strategies/{strategy}?from=1&to=1",
        backtest,
        f"{backtest}/images/0",
        f"{backtest}/figures/0",
        f"{backtest}/report",
        f"/strategies/sweeps/{sweep}",
        f"/strategies/screens/{screen}",
        f"/strategies/alerts/{rule}",
    ]
    # Then that user and an admin see them all, with pictures that no browser takes for a page
    for who in (ada, boss):
        for path in pages:
            assert (await asked(who, "GET", path)).status_code == 200, path
    picture = await asked(ada, "GET", pages[3])
    assert (picture.content, picture.headers["content-type"]) == (PNG, "image/png")
    assert picture.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert (await asked(ada, "GET", f"{backtest}/images/1")).status_code == 404
    # And to another they are not there, as to everybody what is not there; and nothing of it is told
    for path in [*pages, f"/strategies/compare?run={run}"]:
        answer = await asked(bob, "GET", path)
        assert answer.status_code == 404, path
        assert PNG not in answer.content
        assert "cross" not in answer.text
        assert (await asked(reader, "GET", path)).status_code == 403, path
    # And nothing that a form does reaches them
    for path, fields in (
        (f"/strategies/{strategy}/save", {"python_code": "x = 1", "name": "mine"}),
        (f"/strategies/{strategy}/backtest", {}),
        (f"/strategies/{strategy}/sweep", {"grid": '{"fast": [3]}'}),
        (f"/strategies/{strategy}/delete", {}),
        (f"/strategies/sweeps/{sweep}/cancel", {}),
        ("/strategies/screens", {"strategy_ids": str(strategy)}),
        ("/strategies/alerts", {"strategy_id": str(strategy), "every": "1h"}),
        (f"/strategies/alerts/{rule}/mute", {"is_muted": "yes"}),
        (f"/strategies/alerts/{rule}/test", {}),
        (f"/strategies/alerts/{rule}/delete", {}),
    ):
        assert (await asked(bob, "POST", path, **fields)).status_code == 404, path
    assert (await ada.read(f"/alerts/{rule}"))["rule"]["is_muted"] is False
    assert (await ada.read(f"/strategies/{strategy}"))["version"] == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/hook", "https://example.org/hook"),
        ("https://example.org", "https://example.org"),
        ("https://example.org:8443/services/T0/B0/x9", "https://example.org:8443/services/…"),
        ("https://example.org/hook?token=x9", "https://example.org/hook…"),
        ("https://example.org/0123456789abcdefx9", "https://example.org/0123456789ab…"),
        ("https://example.org/0123456789abcdefx9/y", "https://example.org/0123456789ab…"),
        ("https://me:x9@example.org/hook", "https://example.org/hook"),
        ("https://example.org/#x9", "https://example.org/…"),
        ("https://[2001:db8::1]:9/hook/x9", "https://[2001:db8::1]:9/hook/…"),
        ("https://example.org:x9/", "https://…"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert short_address(url) == shown


async def test_a_rules_page_shows_its_webhook_where_it_is_asked_for(desk: Desk) -> None:
    # Given a rule whose webhook has a secret in its path
    strategy, secret = await desk.made(), "T0/B0/x9y8z7"
    rule = {"strategy_id": strategy, "every": "1h", "webhook": f"https://example.org/services/{secret}"}
    id = (await desk.post("/alerts", rule)).json()["id"]
    # When its page is looked at, Then the secret stands behind what unfolds, and nowhere else
    page = (await asked(desk, "GET", f"/strategies/alerts/{id}")).text
    shown, _, hidden = page.partition("<summary>https://example.org/services/…</summary>")
    assert secret not in shown
    assert hidden.partition("</details>")[0].count(secret) == page.count(secret) == 1
    assert secret not in (await asked(desk, "GET", "/strategies/alerts")).text


async def test_a_data_set_is_everybodys_so_an_admin_alone_deletes_it(desk: Desk) -> None:
    # Given a data set that somebody made on its page
    ada, boss = await desk.of("ada"), await desk.of("boss", "admin")
    assert (await asked(ada, "POST", "/strategies/data", name="few", bars="50")).status_code == 303
    # When they ask for it to be deleted, Then it stays, and its page offers it to an admin alone
    path = "/strategies/data/few"
    assert (await asked(ada, "POST", f"{path}/delete")).status_code == 403
    assert "/data/few/delete" not in (await asked(ada, "GET", path)).text
    assert "/data/few/delete" in (await asked(boss, "GET", path)).text
    assert (await asked(boss, "POST", f"{path}/delete")).status_code == 303
    assert (await asked(boss, "GET", path)).status_code == 404
