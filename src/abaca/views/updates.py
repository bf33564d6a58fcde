"""One event of a job as people and programs see it."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca.model import Kind, Update
from abaca.views.payloads import as_json
from abaca.views.times import instant


class UpdateView(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` counts up within the job and can be resumed from; ``data`` is the JSON that belongs to the kind."""

    id: int
    kind: Kind
    at: str
    attempt: int
    data: Any


def update_view(update: Update) -> UpdateView:
    return UpdateView(
        id=update.id,
        kind=update.kind,
        at=instant(update.at),
        attempt=update.attempt,
        data=as_json(update.data),
    )
