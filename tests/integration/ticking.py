"""An application whose code declares a schedule."""

from __future__ import annotations

from abaca import App

app = App()


@app.every("1s", missed="skip")
async def tick() -> str:
    return "tock"


@app.task
async def add(a: int, b: int) -> int:
    return a + b
