"""What answers look like, for the description of the API."""

from __future__ import annotations

from typing import Any

import msgspec

from abaca.http.replies import Items
from abaca.model import Job, NewJob, State
from abaca.views import JobView, job_view

_ID = "0199a0c5d7d67c3f8a4be1f2a3b4c500"
_AT = 1_893_456_000_000_000
_JOB = job_view(
    Job(
        spec=NewJob(id=_ID, task="resize", args=b'{"path":"cat.png","width":640}', lane="thread", tags=("web",)),
        state=State.COMPLETED,
        epoch=1,
        revision=2,
        attempts=1,
        created_at=_AT,
        due_at=_AT,
        started_at=_AT + 2_150,
        claimed_at=_AT + 2_150,
        ended_at=_AT + 84_300,
        result=b'{"path":"cat-640.png"}',
        seen_at=_AT + 90_000,
    )
)


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


EXAMPLES: dict[Any, Any] = {
    JobView: _plain(_JOB),
    Items[JobView]: _plain(Items(items=[_JOB], next_cursor=None)),
}
"""By the type of the answer, where a route gives none of its own."""
