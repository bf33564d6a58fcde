"""Facts of tickers: from JSON and tables, over HTTP and at the terminal, as part of what a data set is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from abaca_strategies.errors import Refused
from abaca_strategies.registry.facts import read_facts
from tests.command import Run
from tests.strategies_service.calling import code, desk_of
from tests.strategies_service.test_datasets import CSV

TABLE = 'Symbol,sector,cap,code,listed\nA,"metals, rare",3.5,0042,1999\nB,energy,,7.,-3\n'
KNOWN = {
    "A": {"sector": "metals, rare", "cap": 3.5, "code": "0042", "listed": 1999},
    "B": {"sector": "energy", "code": "7.", "listed": -3},
}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("", {}),
        ("  \n", {}),
        (TABLE, KNOWN),
        ("\ufeff" + TABLE.replace("\n", "\r\n"), KNOWN),
        ('{"A": {"sector": "energy", "is_new": true, "cap": 1.5, "gone": null}}',
         {"A": {"sector": "energy", "is_new": True, "cap": 1.5, "gone": None}}),
    ],
)  # fmt: skip
def test_facts_are_read_from_what_people_keep_them_in(text: str, facts: dict[str, Any]) -> None:
    assert read_facts(text) == facts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,sector\nA,energy\n", "neither JSON by ticker nor CSV"),
        ("[1]", "neither JSON by ticker nor CSV"),
        ("ticker,sector\nA,energy\nA,health\n", "line 3: A is there twice"),
        ("ticker,sector\nA,energy,more\n", "line 2 does not fit"),
        ("ticker,sector\n,energy\n", "line 2 does not fit"),
        ('{"A": "energy"}', "Expected `object`"),
        ('{"A": {"parts": [1]}}', "got `array`"),
        ('{"A": {"cap": NaN}}', "cannot be read as JSON"),
        ('{"A": ' * 100_000, "cannot be read as JSON"),
    ],
)
def test_what_is_no_facts_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as caught:
        read_facts(text)
    assert caught.value.field == "facts"


async def test_facts_come_with_an_upload_and_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk_of(tmp_path, monkeypatch, works=False) as desk:
        # When data come as a form with facts, as a body with facts in the query, and without
        file = {"files": {"file": ("mine.csv", CSV)}}
        form = await desk.call("POST", "/datasets", data={"facts": TABLE}, **file)
        body = {"content": CSV, "headers": {"Content-Type": "text/csv"}}
        alone = await desk.call("POST", "/datasets", params={"name": "alone", "facts": TABLE}, **body)
        bare = await desk.call("POST", "/datasets", params={"name": "bare"}, **body)
        # Then they are part of the content, named by the view, and read page by page
        assert form.status_code == alone.status_code == bare.status_code == 201, form.text
        assert form.json()["digest"] == alone.json()["digest"] != bare.json()["digest"]
        assert (form.json()["facts"], bare.json()["facts"]) == (["cap", "code", "listed", "sector"], [])
        first = await desk.read("/datasets/mine/facts?limit=1")
        rest = await desk.read(f"/datasets/mine/facts?limit=1&cursor={first['next_cursor']}")
        assert [*first["items"], *rest["items"]] == [{"ticker": name, "facts": KNOWN[name]} for name in ("A", "B")]
        assert rest["next_cursor"] is None
        assert (await desk.read("/datasets/bare/facts"))["items"] == []
        # And what cannot be used is refused by its name, in a dry run as well
        for facts in ('{"C": {"sector": "energy"}}', "sector\nenergy\n"):
            for more in ({}, {"dry_run": "true"}):
                refused = await desk.call("POST", "/datasets", data={"facts": facts, "name": "x", **more}, **file)
                assert code(refused) == (422, "invalid"), refused.text
                assert refused.json()["error"]["field"] == "facts"
        assert code(await desk.get("/datasets/none/facts")) == (404, "dataset_not_found")


def test_facts_come_from_a_file_at_the_terminal(run: Run, place: Path) -> None:
    # Given prices, facts in a table, and facts of a ticker that is not there
    (place / "mine.csv").write_bytes(CSV)
    (place / "facts.csv").write_text(TABLE)
    (place / "strange.json").write_text('{"C": {"sector": "energy"}}')
    # When they are taken in
    assert run("data", "import", "mine.csv", "--facts", "facts.csv").status == 0
    # Then the data set knows them
    shown = run("data", "show", "mine")
    assert "facts     cap, code, listed, sector" in shown.lines
    # And what cannot be used is wrong on the command line
    for words in (("strange.json",), ("strange.json", "--check"), ("mine.csv",), ("none.csv",)):
        refused = run("data", "import", "mine.csv", "--name", "x", "--facts", *words)
        assert refused.status == 2, refused.err
        assert "Traceback" not in refused.err
