"""What code leaves behind beside its answer: prints, figures of plotly, pictures of matplotlib."""

from __future__ import annotations

import base64
import io
import os
import re
import sys
from collections.abc import Iterable
from typing import Any

import msgspec
from matplotlib import pyplot as plt

from abaca_strategies.models import ResponseImage, StrategyPlotData
from abaca_strategies.running.inside.plain import Plain, text
from abaca_strategies.running.work import MAX_PICTURES, MAX_PLOTS, MAX_PRINTS

_TITLE = re.compile(r"^\s*\[([A-Za-z0-9.^_-]{1,20})\]")
MAX_PIXELS = 8_000_000


class Prints(io.TextIOBase):
    """Writes through to a descriptor, up to the cap, so that what was printed is there when the code is killed."""

    encoding = "utf-8"

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.left = MAX_PRINTS
        self.is_cut = False

    def writable(self) -> bool:
        return True

    def write(self, words: str) -> int:
        if self.left > 0:
            part = words.encode("utf-8", "backslashreplace")[: self.left]
            self.left -= len(part)
            view = memoryview(part)
            while view:
                view = view[os.write(self._fd, view) :]
        self.is_cut = self.is_cut or self.left <= 0
        return len(words)


class Pictures:
    """Figures and pictures in the order in which they were shown; those that never were come at the end."""

    def __init__(self) -> None:
        self.plots: list[StrategyPlotData] = []
        self.images: list[ResponseImage] = []
        self.warnings: list[str] = []
        self.most = MAX_PLOTS
        self._seen: list[Any] = []
        self._room = {"plots": MAX_PICTURES, "images": MAX_PICTURES}

    def watch(self) -> None:
        """Puts this in the place of the windows and browsers that ``show`` would open."""
        plt.show = lambda *_, **__: self.take_open()
        base = sys.modules.get("plotly.basedatatypes")
        if base is not None:
            base.BaseFigure.show = lambda figure, *_, **__: self.plot(figure)

    def take_open(self) -> None:
        for number in plt.get_fignums():
            self._picture(plt.figure(number))
            plt.close(number)

    def take_values(self, values: Iterable[Any]) -> None:
        """Figures that were made but never shown."""
        for value in values:
            if is_figure(value):
                self.plot(value)

    def plot(self, figure: Any) -> None:
        if any(figure is one for one in self._seen):
            return
        self._seen.append(figure)
        data = Plain()(figure.to_plotly_json())
        if not isinstance(data, dict) or "data" not in data:
            return  # a part of a figure, such as a trace
        if self._has_room("plots", len(self.plots), len(msgspec.json.encode(data))):
            self.plots.append(StrategyPlotData(plot_id=len(self.plots), data=data, title_ticker=_ticker(data)))

    def _picture(self, figure: Any) -> None:
        width, height = figure.get_size_inches() * figure.dpi
        if not width * height <= MAX_PIXELS:
            self._leave_out("images", f"one has more than {MAX_PIXELS} pixels")
            return
        kept = io.BytesIO()
        figure.savefig(kept, format="png")
        content = base64.b64encode(kept.getvalue()).decode()
        if self._has_room("images", len(self.images), len(content)):
            self.images.append(ResponseImage(data=content))

    def _has_room(self, what: str, count: int, size: int) -> bool:
        if count >= self.most or size > self._room[what]:
            self._leave_out(what, f"more than {self.most}, or than {MAX_PICTURES} bytes together")
            return False
        self._room[what] -= size
        return True

    def _leave_out(self, what: str, why: str) -> None:
        words = f"some {what} were left out: {why}"
        if words not in self.warnings:
            self.warnings.append(words)


def is_figure(value: Any) -> bool:
    return callable(getattr(type(value), "to_plotly_json", None))


def _ticker(data: dict[str, Any]) -> str | None:
    """A title that begins with a ticker in square brackets says what the figure is about."""
    title = data.get("layout", {}).get("title", "") if isinstance(data.get("layout"), dict) else ""
    words = title.get("text", "") if isinstance(title, dict) else title
    found = _TITLE.match(text(words))
    return found[1] if found else None
