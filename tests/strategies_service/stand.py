"""The app of worker processes that tests start: its store is what the environment says."""

from __future__ import annotations

from abaca import App

app = App(plugins=["strategies"])
