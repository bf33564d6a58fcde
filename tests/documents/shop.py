"""A library for worker processes that kill themselves. `ABACA_URL` is the store; `plan.json` beside it says when."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from abaca import App
from abaca_documents.library import Library
from abaca_documents.pipeline.parts import Parts, Tell
from tests.documents.crashing import Crasher
from tests.documents.lending import Lent


class Dying(Crasher):
    """Kills this process behind the `count`-th operation of a name: the first of the plan that no run died of yet, and
    in every second run, so that the run that follows a death goes on."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        plan = json.loads((folder / "plan.json").read_text())
        with (folder / "runs").open("a") as runs:
            number = runs.tell()
            runs.write("x")
        self._deaths = folder / "deaths"
        died = self._deaths.stat().st_size if self._deaths.exists() else 0
        self._name: str
        self._count: int
        self._name, self._count = plan[died] if number % 2 == 0 and died < len(plan) else ("", 0)

    async def call(self, name: str, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self.names.append(name)
        answer = await fn(*args, **kwargs)
        if name == self._name and self.names.count(name) == self._count:
            with self._deaths.open("a") as deaths:
                deaths.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


class Deadly(Lent):
    def telling(self, tell: Tell) -> Parts:
        return Dying(self.bench.folder.parent).around(super().telling(tell), self.bench.embedders["static@1"])


app = App(name="shop")
library = Library(app, open=Deadly)
