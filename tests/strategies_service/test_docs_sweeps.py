"""What the page shows of back-tests, cells and sweeps works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from abaca import App
from abaca_strategies.strategies import Strategies
from tests.strategies_service.authors import CROSS

PAGE = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text()


def of_page(name: str) -> Any:
    """The function of that name that the page shows."""
    (text,) = [one for one in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if f"async def {name}(" in one]
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102 - the page's own text
    return names[name]


async def test_the_back_test_and_the_cell_of_the_page_run(prepared: None, capsys: pytest.CaptureFixture[str]) -> None:
    # Given the function that the page shows, and a strategy with that parameter
    shown = of_page("run")
    app = App("memory://")
    service = Strategies(app)
    async with app, app.worker(queues=["strategies"]):
        await service.registry.create(name="cross", python_code=CROSS)
        # When it runs
        await shown(service)
    # Then it tells the figures, and what the cell answered and printed
    told = capsys.readouterr().out
    assert re.search(r"^\d+ \d\.\d+ sha256:[0-9a-f]{64}$", told, re.MULTILINE), told
    assert re.search(r"^\[\{'SYN01': 263\.77, 'SYN02': 632\.13\}\] closes$", told, re.MULTILINE), told


async def test_the_sweep_of_the_page_runs(prepared: None, capsys: pytest.CaptureFixture[str]) -> None:
    # Given the function that the page shows, and a strategy with those parameters
    shown = of_page("sweep")
    app = App("memory://")
    service = Strategies(app)
    async with app, app.worker(queues=["strategies"]):
        made = await service.registry.create(name="cross", python_code=CROSS)
        assert made.strategy_id == 1
        # When it runs
        await shown(service)
    # Then it prints what a sweep of seven points in three folds does
    begun, ended = capsys.readouterr().out.splitlines()
    assert begun == "28 sharpe"
    assert re.fullmatch(r"28 0 \{'fast': \d+, 'slow': \d+\} 3", ended)
