"""The tasks that every worker knows without any code of the user's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from abaca.codec import DEFAULT_MAX_PAYLOAD
from abaca.declare import examine
from abaca.webhooks import WEBHOOK_TASK
from abaca.worker.options import WorkerOptions
from abaca.worker.webhook import make_delivery

BUILT_IN = (WEBHOOK_TASK,)
"""Their names, which workers announce with those of their application."""


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


def built_in_tasks(options: WorkerOptions) -> dict[str, BuiltIn]:
    delivery = BuiltIn(WEBHOOK_TASK, make_delivery(options.webhook_allow))
    return {delivery.name: delivery}
