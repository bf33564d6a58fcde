"""Where a run begins: reads what is asked, does it, leaves the answer in a file."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from abaca_strategies.data import unpack
from abaca_strategies.running.inside.authored import failure_of
from abaca_strategies.running.inside.capturing import Pictures, Prints
from abaca_strategies.running.inside.doing import Scene, backtest, cell, inspect, points
from abaca_strategies.running.inside.judging import check, screen
from abaca_strategies.running.inside.plain import TooMuch
from abaca_strategies.running.inside.telling import Teller
from abaca_strategies.running.work import (
    Answer,
    AnyWork,
    Backtest,
    Cell,
    Check,
    Failure,
    Inspect,
    Points,
    Screen,
    Work,
)

DOING: Mapping[type[Work], Callable[[Any, Scene], Any]] = {
    Inspect: inspect,
    Backtest: backtest,
    Screen: screen,
    Check: check,
    Points: points,
    Cell: cell,
}


def main() -> None:
    """``argv`` is the script, and the packed data set if there is one. Does not return."""
    sys.dont_write_bytecode = True
    tell = Teller(os.dup(1))
    os.dup2(2, 1)  # what the code prints by other ways than Python's is printed too, and no report
    prints = Prints(2)
    sys.stdout = sys.stderr = prints
    pictures = Pictures()
    pictures.watch()
    value, failure = None, None
    scene = Scene(tell)
    try:
        tell.progress("start")
        work = msgspec.json.decode(Path("request.json").read_bytes(), type=AnyWork)
        prints.left, pictures.most = work.prints, work.plots
        if len(sys.argv) > 1:
            scene.data = unpack(_mapped(sys.argv[1]))
        value = DOING[type(work)](work, scene)
    except BaseException as error:
        failure = _failure(error)
    try:
        pictures.take_values(scene.figures())
        pictures.take_open()
    except Exception as error:
        pictures.warnings.append(f"a figure could not be kept: {type(error).__name__}: {error}"[:500])
    if prints.is_cut:
        pictures.warnings.append("more was printed than is kept")
    try:
        content = _encoded(value, failure, pictures)
    except BaseException as error:
        content = _encoded(None, _failure(error), Pictures())
    Path("answer.json").write_bytes(content)
    os._exit(0)  # threads that the code left behind have no say in when this ends


def _failure(error: BaseException) -> Failure:
    if isinstance(error, TooMuch):
        return Failure(reason="too_large", message=str(error))
    return failure_of(error)


def _encoded(value: Any, failure: Failure | None, pictures: Pictures) -> bytes:
    answer = Answer(failure=failure, plots=pictures.plots, images=pictures.images, warnings=pictures.warnings)
    return msgspec.json.encode({"value": value, "answer": answer})


def _mapped(path: str) -> memoryview:
    with open(path, "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
