"""The tasks that every worker knows without any code of the user's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from abaca.backend import Backend
from abaca.codec import DEFAULT_MAX_PAYLOAD
from abaca.declare import examine
from abaca.policies import read_subscription
from abaca.policy.builtin import JOIN, WEBHOOK
from abaca.worker.options import WorkerOptions
from abaca.worker.webhook import make_delivery


async def join() -> None:
    """A workflow without members. Of one with members their ends are the outcome (``Inputs``), and nobody is called."""


class BuiltIn:
    """A task without an application. It runs in the runner itself: no child process could find it."""

    def __init__(self, name: str, fn: Callable[..., Any]) -> None:
        handler = examine(fn, None)
        self.name = name
        self.fn = fn
        self.takes_ctx = handler.takes_ctx
        self.pool = handler.pool
        self.batch = 0
        self.arguments, self.results = handler.codecs(name, DEFAULT_MAX_PAYLOAD)


def built_in_tasks(options: WorkerOptions, backend: Backend) -> dict[str, BuiltIn]:
    deliver = make_delivery(options.webhook_allow, subscribed=partial(read_subscription, backend))
    handlers: dict[str, Callable[..., Any]] = {JOIN: join, WEBHOOK: deliver}
    return {name: BuiltIn(name, fn) for name, fn in handlers.items()}
