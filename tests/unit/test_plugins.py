"""Plugins: what an app has aboard, their settings, and what is said where one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from abaca import App, ConfigError
from abaca.config import SETTINGS, load_settings
from abaca.config.extensions import extensions
from tests.greeting.greeter import Greeter
from tests.greeting.plugin import PLUGIN


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the package were installed."""
    for module in ("abaca.config.extensions", "abaca.plugins"):
        monkeypatch.setattr(f"{module}.extensions", lambda: {"greeting": PLUGIN})
    yield
    extensions.cache_clear()


async def test_an_app_has_the_tasks_of_its_plugins() -> None:
    # Given an app with a plugin
    app = App("memory://", plugins=[PLUGIN])
    # Then the plugin's tasks are the app's, and its object is found by its name
    assert "greeting.greet" in app.tasks
    assert isinstance(app.plugins["greeting"], Greeter)
    async with app, app.worker(queues=PLUGIN.queues):
        assert await app.plugins["greeting"].greet.run("Ada") == "hello Ada"


def test_a_plugin_reads_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABACA_GREETING_WORD", "good day")
    monkeypatch.setenv("ABACA_GREETING_LOUD", "yes")
    app = App("memory://", plugins=[PLUGIN])
    assert app.plugins["greeting"].word == "good day"
    assert app.settings.value("greeting.loud") is True


@pytest.mark.usefixtures("installed")
def test_a_plugin_is_named_by_its_name() -> None:
    assert App("memory://", plugins=["greeting"]).plugins["greeting"].word == "hello"
    with pytest.raises(ConfigError, match=r"no plugin 'greting' is installed; did you mean 'greeting'\?"):
        App("memory://", plugins=["greting"])


@pytest.mark.parametrize(
    ("plugins", "said"),
    [
        ([PLUGIN, PLUGIN], "'greeting' is named twice"),
        ([replace(PLUGIN, needs=("no_such_module",), extra="greeting")], r"needs no_such_module; pip install 'abaca\["),
        (["nothing"], "no plugin 'nothing' is installed"),
    ],
)
def test_a_plugin_that_cannot_be_aboard_stops_the_start(plugins: list[object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        App("memory://", plugins=plugins)  # type: ignore[arg-type]


def test_asking_for_a_plugin_that_is_not_aboard_says_what_to_write() -> None:
    with pytest.raises(ConfigError, match=r"make it with App\(plugins=\['greeting'\]\)"):
        App("memory://").plugins["greeting"]


@pytest.mark.usefixtures("installed")
def test_settings_of_an_installed_plugin_trouble_nobody_else() -> None:
    # Given a variable of a plugin that this app is without
    settings = load_settings(environ={"ABACA_GREETING_WORD": "hi"})
    # Then it is known, and not part of the settings
    assert len(settings.sources) == len(SETTINGS)
    # But one that does not parse, or is misspelt, stops the start with its name
    with pytest.raises(ConfigError, match="ABACA_GREETING_LOUD: 'maybe' is neither true nor false"):
        load_settings(environ={"ABACA_GREETING_LOUD": "maybe"})
    with pytest.raises(ConfigError, match="ABACA_GREETING_WRD is not a setting; did you mean ABACA_GREETING_WORD"):
        load_settings(environ={"ABACA_GREETING_WRD": "x"})


def test_a_secret_setting_is_shown_to_nobody() -> None:
    settings = load_settings(environ={"ABACA_GREETING_TOKEN": "s3cret"}, more=PLUGIN.settings)
    assert settings.source("greeting.token").shown == "***"
    assert settings.value("greeting.token") == "s3cret"
