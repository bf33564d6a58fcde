"""The place for large payloads of one app: what it says itself, else what the settings say."""

from __future__ import annotations

from abaca.config.settings import Settings
from abaca.config.values import read_size
from abaca.places import Blobs, place_url


def blobs_of(settings: Settings, results: str | None, results_above: int | str | None) -> Blobs:
    """Raises ``ConfigError`` naming the option."""
    url = settings.source("results").value if results is None else place_url(results, "App(results=)")
    above = settings.source("results_above").value
    return Blobs(url, above if results_above is None else read_size(results_above, "App(results_above=)"))
