"""Batch tasks for worker processes. The store is ``$ABACA_URL``."""

from __future__ import annotations

import os
import signal
import threading

from abaca import App, BatchCtx, Retry

app = App(name="batching")
SOON = Retry(max_attempts=3, backoff="none")


def note(path: str, text: str) -> None:
    with open(path, "a") as file:
        file.write(f"{text}\n")


@app.task(batch=4, linger="100ms", retry=SOON)
async def double(ns: list[int]) -> list[int]:
    return [2 * n for n in ns]


@app.task(batch=3, linger="30s", retry=SOON)
async def poisoned(marks: list[str]) -> list[int]:
    """Each value is a file and a word; the word ``pill`` kills the process."""
    for mark in marks:
        path, word = mark.split("|")
        note(path, f"{word}:{len(marks)}:{os.getpid()}")
    if any(mark.endswith("|pill") for mark in marks):
        os.kill(os.getpid(), signal.SIGKILL)
    return [len(marks)] * len(marks)


@app.task(batch=2, linger="30s", retry=SOON)
def patient(ctx: BatchCtx, marks: list[str]) -> list[int]:
    """Says that it runs, waits until one of its jobs is cancelled, and then for a file."""
    path, go_on = marks[0].split("|")
    note(path, str(os.getpid()))
    while not ctx.cancelled_ids:
        threading.Event().wait(0.01)
    note(path, "told")
    while not os.path.exists(go_on):
        threading.Event().wait(0.01)
    return [os.getpid()] * len(marks)


@app.task(batch=2, linger="30s", timeout=0.5, retry=Retry(max_attempts=1))
def stuck(paths: list[str]) -> None:
    note(paths[0], str(os.getpid()))
    threading.Event().wait()


@app.task
async def pid() -> int:
    return os.getpid()


@app.task(retry=Retry(max_attempts=1))
async def pill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
