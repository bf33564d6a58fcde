"""What a worker does for one job: answer from the cache, wait for an equal job's run, or compile."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import msgspec

from abaca import Abort, Ctx, Snooze
from abaca_compile.errors import CompileError
from abaca_compile.keys import content_key
from abaca_compile.model import Built, CachePolicy, CacheUse, CompileOutcome, Environment
from abaca_compile.service.engines import Engines
from abaca_compile.service.fitting import fitted
from abaca_compile.service.shelf import Shelf
from abaca_compile.service.tally import Tally
from abaca_compile.service.works import Work

_LOOK_AGAIN = 0.05
_SLOWEST_LOOK = 1.0
_ELSEWHERE = (0.5, 1.5)
"""Seconds after which a job whose compiler this machine lacks may be claimed again, hopefully by another one."""
GIVE_UP = 600.0
"""Seconds after which no worker is expected any more that has the compiler."""


class Performer:
    """``largest_artifact``: bytes of what was made that are kept with the result."""

    def __init__(self, engines: Engines, shelf: Shelf, tally: Tally, largest_artifact: int) -> None:
        self._engines = engines
        self._shelf = shelf
        self._tally = tally
        self._largest = largest_artifact

    async def perform(self, ctx: Ctx, work: Work) -> Built:
        """Raises ``Snooze`` where an equal job is being compiled: this one waits without a slot."""
        environment = await self._environment(ctx, work)
        key = content_key(work.compilation, environment)
        if is_shared(work):
            answer = await self._shared(ctx, work, key)
            if answer is not None:
                return answer
        return await self._compiled(work, key)

    async def _environment(self, ctx: Ctx, work: Work) -> Environment:
        environment = (await self._engines.get()).catalogue.get(work.compilation.environment)
        if environment is not None and environment.available:
            return environment
        if _since(ctx.enqueued_at) > GIVE_UP:
            raise Abort(f"no worker that has {work.compilation.environment} took this within {GIVE_UP / 60:g} minutes")
        raise Snooze(random.uniform(*_ELSEWHERE))

    async def _shared(self, ctx: Ctx, work: Work, key: str) -> Built | None:
        """The answer of an equal job; ``None`` when this run is the one that compiles."""
        while True:
            held = await self._shelf.look(key, ctx.job_id)
            if work.cache is CachePolicy.USE:
                if held.answer is not None:
                    waited = held.answered_at > ctx.enqueued_at.timestamp() * 1e6
                    self._tally.recalled(held.answer.result, shared=waited)
                    return _from_cache(held.answer, key)
                if held.is_running:
                    raise Snooze(min(_SLOWEST_LOOK, _LOOK_AGAIN + _since(ctx.started_at) / 4))
            if await self._shelf.take(key, held.version, ctx):
                return None

    async def _compiled(self, work: Work, key: str) -> Built:
        engine = await self._engines.get()
        with self._tally.at_work():
            built = await engine.build(work.compilation)
            result = built.result
            if result.outcome is CompileOutcome.SANDBOX_ERROR:
                raise CompileError(result.error or "the sandbox did not run the compiler")
        self._tally.compiled(result, cached=is_shared(work))
        result = msgspec.structs.replace(result, cache=CacheUse(hit=False, key=key))
        return fitted(Built(result=result, artifact=built.artifact), self._largest)


def is_shared(work: Work) -> bool:
    """Whether its answer may be another's. What a built program does depends on more than its source."""
    return work.cache is not CachePolicy.BYPASS and work.compilation.run is None


def _from_cache(built: Built, key: str) -> Built:
    return msgspec.structs.replace(
        built, result=msgspec.structs.replace(built.result, cache=CacheUse(hit=True, key=key))
    )


def _since(moment: datetime) -> float:
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())
