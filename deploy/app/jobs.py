"""The application in the image. Put your own in its place: a module with an `App`, and what it imports."""

from __future__ import annotations

from abaca import App, Ctx

app = App()  # $ABACA_URL


@app.task
async def greet(name: str) -> str:
    return f"hello, {name}"


@app.task(queue="reports", timeout="10m")
def report(ctx: Ctx, pages: int) -> int:
    for page in range(1, pages + 1):
        ctx.raise_if_cancelled()
        ctx.progress(page, pages)
    return pages
