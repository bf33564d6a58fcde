"""Strategies and their versions, on every store."""

from __future__ import annotations

from typing import Any

import pytest

from abaca_strategies.errors import CodeRefused, Conflict, Refused, StrategyNotFound, VersionNotFound
from abaca_strategies.registry.strategies import MAX_VERSIONS, Registry
from abaca_strategies.requests import EditStrategyRequest
from abaca_strategies.strategies import Strategies

HOLD = "def signals(df, params):\n    return df.close * 0 + 1\n"
FLAT = "def signals(df, params):\n    return df.close * 0\n"


@pytest.fixture
def registry(service: Strategies) -> Registry:
    return service.registry


async def test_a_strategy_begins_with_version_one_and_ids_count_from_one(registry: Registry) -> None:
    # When two are created
    first = await registry.create(name="hold", python_code=HOLD, description="d", prompt="p", user_id=7)
    second = await registry.create(name="flat", python_code=FLAT)
    # Then they have the first two ids, and are read as they were written
    assert (first.strategy_id, first.version, second.strategy_id, second.version) == (1, 1, 2, 1)
    assert await registry.get(1) == await registry.get(1, 1) == first
    assert (first.name, first.python_code, first.description, first.prompt, first.user_id) == (
        "hold",
        HOLD,
        "d",
        "p",
        7,
    )


async def test_an_edit_is_the_next_version_and_the_old_one_stays(registry: Registry) -> None:
    # Given a strategy
    await registry.create(name="mine", python_code=HOLD)
    # When its code, and then its name, are changed
    second = await registry.edit(1, EditStrategyRequest(python_code=FLAT, prompt="sell all"))
    third = await registry.edit(1, EditStrategyRequest(name="ours"))
    # Then each is the next version, and each can be read
    assert (second.version, third.version) == (2, 3)
    assert [(one.version, one.name, one.prompt) for one in await registry.versions(1)] == [
        (3, "ours", "sell all"),
        (2, "mine", "sell all"),
        (1, "mine", ""),
    ]
    assert (await registry.get(1, 1)).python_code == HOLD
    assert await registry.get(1) == third
    # And the diff is of the code
    assert "-    return df.close * 0 + 1\n+    return df.close * 0\n" in await registry.diff(1, 1, 2)
    assert await registry.diff(1, 2, 3) == ""


async def test_the_same_code_and_name_are_the_same_version(registry: Registry) -> None:
    # Given a strategy
    await registry.create(name="mine", python_code=HOLD)
    # When it is edited to what it is, with another description and an alert
    edited = await registry.edit(
        1, EditStrategyRequest(name="mine", python_code=HOLD, description="now told", alert_threshold=0.5)
    )
    # Then the strategy has these, and no new version
    assert (edited.version, edited.description, edited.alert_threshold) == (1, "now told", 0.5)
    # And a threshold is taken away by null alone
    assert (await registry.edit(1, EditStrategyRequest(is_alert_active=True))).alert_threshold == 0.5
    assert (await registry.edit(1, EditStrategyRequest(alert_threshold=None))).alert_threshold is None


async def test_a_missing_version_is_an_error_and_never_another(registry: Registry) -> None:
    await registry.create(name="mine", python_code=HOLD)
    for version in (0, 2, -1):
        with pytest.raises(VersionNotFound, match="its versions are 1 to 1"):
            await registry.get(1, version)
    for id in (0, 2, -5):
        with pytest.raises(StrategyNotFound):
            await registry.get(id)


async def test_an_edit_of_an_older_version_is_refused_where_that_is_asked_for(registry: Registry) -> None:
    # Given a strategy that somebody else has edited since version 1
    await registry.create(name="mine", python_code=HOLD)
    await registry.edit(1, EditStrategyRequest(python_code=FLAT))
    # When version 1 is edited
    with pytest.raises(Conflict, match="at version 2 and not at 1"):
        await registry.edit(1, EditStrategyRequest(python_code=HOLD + "\n", from_version=1))
    # Then nothing was changed; and the edit that made version 2 may be repeated, as after a lost reply
    assert (await registry.edit(1, EditStrategyRequest(python_code=FLAT, from_version=1))).version == 2


async def test_a_creation_that_is_repeated_makes_none_twice(registry: Registry) -> None:
    first = await registry.create(name="mine", python_code=HOLD, token="job-1")
    assert await registry.create(name="mine", python_code=HOLD, token="job-1") == first
    assert (await registry.create(name="mine", python_code=HOLD, token="job-2")).strategy_id == 2


async def test_a_deleted_strategy_is_gone_with_all_versions_and_its_id_is_not_given_again(registry: Registry) -> None:
    # Given a strategy with two versions, and another
    await registry.create(name="mine", python_code=HOLD)
    await registry.edit(1, EditStrategyRequest(python_code=FLAT))
    await registry.create(name="other", python_code=HOLD)
    # When the last one and the first one are deleted
    await registry.delete(2)
    await registry.delete(1)
    # Then nothing of them is left
    for ask in (registry.get(1), registry.get(1, 1), registry.versions(1), registry.delete(1), registry.head(2)):
        with pytest.raises(StrategyNotFound):
            await ask
    assert (await registry.list()).items == []
    # And the next one has an id of its own
    assert (await registry.create(name="new", python_code=HOLD)).strategy_id == 3


async def test_strategies_are_listed_in_pages_and_by_user(registry: Registry) -> None:
    # Given seven strategies of two users
    for number in range(7):
        await registry.create(name=f"s{number}", python_code=HOLD, user_id=number % 2)
    # When they are listed page by page, Then all are there once, the newest first
    found, cursor = list[int](), None
    while True:
        page = await registry.list(cursor=cursor, limit=3)
        found += [head.strategy_id for head in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == [7, 6, 5, 4, 3, 2, 1]
    # And those of one user alone
    odd = await registry.list(user_id=1, limit=2)
    assert [head.strategy_id for head in odd.items] == [6, 4]
    assert [head.strategy_id for head in (await registry.list(user_id=1, cursor=odd.cursor)).items] == [2]
    # And one that came meanwhile shifts nothing, and one that is gone is passed over
    first = await registry.list(limit=2)
    await registry.create(name="late", python_code=HOLD)
    await registry.delete(5)
    rest = await registry.list(cursor=first.cursor, limit=2)
    assert [head.strategy_id for head in (*first.items, *rest.items)] == [7, 6, 4, 3]
    wrongs: tuple[dict[str, Any], ...] = ({"limit": 0}, {"limit": 201}, {"cursor": "x"})
    for wrong in wrongs:
        with pytest.raises(Refused):
            await registry.list(**wrong)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def signals(df, params:\n", "line 1"),
        ("x = 1\n", "no entry point"),
        ("", "no entry point"),
        ("def strategy():\n    return []\n" + "#" * 100_000, "100000"),
        ("def strategy():\n    return '\x00'\n", "null bytes"),
    ],
)
async def test_code_that_cannot_run_is_refused_with_the_reason(code: str, why: str) -> None:
    # Given a registry that is never asked, since the code comes first
    registry = Registry(None)  # type: ignore[arg-type]
    # When the code is to be kept, Then it is refused, and validating says the same
    with pytest.raises(CodeRefused) as caught:
        await registry.create(name="mine", python_code=code)
    assert why in str(caught.value)
    assert registry.validate(code)[0].severity == "error"


async def test_a_strategy_has_a_largest_number_of_versions(
    service: Strategies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abaca_strategies.registry.strategies.MAX_VERSIONS", 2)
    await service.registry.create(name="mine", python_code=HOLD)
    await service.registry.edit(1, EditStrategyRequest(python_code=FLAT))
    with pytest.raises(Refused, match="the most one may have"):
        await service.registry.edit(1, EditStrategyRequest(python_code=HOLD))
    assert (await service.registry.get(1)).version == 2
    assert MAX_VERSIONS == 1_000
