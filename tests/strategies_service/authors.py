"""Strategies that the tests run."""

from __future__ import annotations

CROSS = """
PARAMS = {"fast": 5, "slow": 20}

def signals(df, params):
    fast = df["close"].rolling(params["fast"]).mean()
    slow = df["close"].rolling(params["slow"]).mean()
    return (fast > slow).astype(float)
"""

WEIGHTS = """
def weights(closes, params):
    ranked = closes.pct_change(20).rank(axis=1)
    return (ranked == ranked.max(axis=1).max()).astype(float)
"""

EVENTS = """
class Breakout(Strategy):
    def init(self):
        self.top = self.indicator(lambda bars: bars["high"].rolling(20).max().shift(1))

    def next(self):
        if self.data.close[-1] > self.top[-1]:
            self.target(0.5)
        elif self.position():
            self.close()
"""

INSTANCES = """
def strategy():
    df = get_bar_data(timeframe="1d", min_bars=30, columns=["close"])
    df["up"] = df.groupby("ticker")["close"].pct_change(5)
    found = df[df["up"] > 0.05]
    return [
        {"ticker": row.ticker, "timestamp": int(row.timestamp), "score": float(min(row.up, 1.0))}
        for row in found.itertuples()
    ]
"""

FORMS = {"signals": CROSS, "weights": WEIGHTS, "events": EVENTS, "instances": INSTANCES}

PEEKING = """
def signals(df, params):
    return (df["close"].shift(-1) > df["close"]).astype(float)
"""

FIGURE = """
class Figure:
    def to_plotly_json(self):
        return {"data": [{"type": "scatter", "y": np.array([1.0, float("nan"), 3.0])}],
                "layout": {"title": {"text": "[SYN01] closes"}}}
"""

TROUBLE = """
import os, time
PARAMS = {"do": "trade", "at": 0}

def signals(df, params):
    if params["do"] == "raise":
        raise ValueError("no luck")
    if params["do"] == "exit":
        os._exit(3)
    if params["do"] == "eat":
        blocks = []
        while True:
            blocks.append(np.ones(4_000_000))
    while params["do"] == "wait":
        time.sleep(0.05)
    if params["do"] == "second":
        time.sleep(1.0)
    return (df["close"].index.dayofweek == params["at"]) * 1.0
"""
