"""The jobs that the three programs beside this file share."""

from __future__ import annotations

from collections import Counter

from abaca import App, Ctx

app = App()  # $ABACA_URL, else sqlite:///abaca.db


@app.task(timeout="1m")
async def count_words(ctx: Ctx, text: str) -> dict[str, int]:
    counts = Counter(text.lower().split())
    ctx.progress(len(counts), len(counts), stage="counted")
    return dict(counts)
