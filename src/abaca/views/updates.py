"""One event of a job as people and programs see it."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca.model import Kind, Update
from abaca.views.times import instant


class UpdateView(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` counts up within the job, and a reader can go on after it. ``data`` differs by kind."""

    id: int
    kind: Kind
    at: str | None
    attempt: int
    data: Any


def update_view(update: Update) -> UpdateView:
    return UpdateView(
        id=update.id,
        kind=update.kind,
        at=instant(update.at or None),
        attempt=update.attempt,
        data=msgspec.Raw(update.data),
    )
