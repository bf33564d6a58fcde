"""An ``App`` whose workers note what their store refuses them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from abaca import App
from abaca.backend import Backend
from abaca.model import Exchanged, Lease, Settle, Verdict, Want
from abaca.verify.history import Src, Type
from abaca.verify.notes import notes
from abaca.verify.places import arm_places


class VerifyApp(App):
    """The runner processes of a chaos run connect through it, and may die where its conductor wants them to."""

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        arm_places(os.environ)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Backend]:
        async with super().connect() as backend:
            yield cast("Backend", NotingBackend(backend))


class NotingBackend:
    """Passes every call on, and writes a line for each settle that was not applied: these are rare."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def exchange(self, done: Sequence[Settle], want: Want | None, lease: Lease) -> Exchanged:
        answer = await self._inner.exchange(done, want, lease)
        for settle, verdict in zip(done, answer.verdicts, strict=True):
            if verdict is not Verdict.APPLIED:
                notes().history.write(
                    Src.WORKER,
                    Type.EVENT,
                    "refused",
                    j=settle.id,
                    tok=settle.epoch,
                    val={"verdict": verdict.name.lower(), "target": settle.to.target.name.lower()},
                )
        return answer
