"""Charts as geometry: numbers in, coordinates out. Templates draw them as SVG, each beside a table of the same."""

from abaca.http.dashboard.charts.plot import Bar, Line, Named, Plot, Rect, bar_plot, line_plot
from abaca.http.dashboard.charts.scale import nice_top, ticks

__all__ = ["Bar", "Line", "Named", "Plot", "Rect", "bar_plot", "line_plot", "nice_top", "ticks"]
