"""Ends the revisions whose job will never do it: it was cancelled while it waited, failed for good, or is not there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from abaca_documents.model import Document, DocumentFilter, DocumentStatus, Revision, instant_now
from abaca_documents.pipeline.beginning import job_of
from abaca_documents.pipeline.finishing import ended, let_go, swept
from abaca_documents.pipeline.parts import Parts

GRACE = 600.0
"""Seconds in which a job may be enqueued after its document was registered; many times what it takes."""
GONE = "is not there"
NO_JOB = "no job works on it; upload it again"
_PAGE = 200
Fate = Callable[[str], Awaitable[str | None]]
"""Why a job will not run again, ``GONE`` where the store has none of this id, ``None`` where it may."""


async def reconcile(parts: Parts, fate: Fate, grace: float = GRACE) -> int:
    """How many documents were ended. A job that is requeued later finds its revision ended, begins it again, and fails
    if its bytes have gone."""
    jobs, before = _Jobs(fate), instant_now() - timedelta(seconds=grace)
    active = DocumentFilter(statuses=(DocumentStatus.PENDING, DocumentStatus.PROCESSING))
    count, cursor = 0, None
    while True:
        page = await parts.repository.list(active, cursor=cursor, limit=_PAGE)
        for document in page.items:
            awaited = [each for each in document.revisions if each.status.is_active]
            lost = {each.generation: why for each in awaited if (why := await jobs.lost(each, before)) is not None}
            if lost or (not awaited and document.updated_at <= before):
                count += await _end(parts, document, lost)
        cursor = page.cursor
        if cursor is None:
            return count


class _Jobs:
    """Each job is asked about once: an import has many documents."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate
        self._known: dict[str, str | None] = {}

    async def lost(self, revision: Revision, before: datetime) -> str | None:
        """Why the revision will not be finished; ``None`` where it may."""
        job = job_of(revision.job_id)
        if job not in self._known:
            self._known[job] = await self._fate(job)
        told = self._known[job]
        if told is None or (told == GONE and revision.created_at > before):
            return None
        return f"its job {job} {told}; upload it again"


async def _end(parts: Parts, document: Document, lost: dict[int, str]) -> bool:
    """Nothing where the document was written since it was read: its job is at work."""
    is_done = False

    def change(before: Document) -> Document | None:
        nonlocal is_done
        is_done = before.version == document.version
        if not is_done:
            return None
        if not lost:
            return msgspec.structs.replace(before, status=DocumentStatus.FAILED, error=NO_JOB)
        after = before
        for generation, reason in lost.items():
            after = ended(after, generation, DocumentStatus.FAILED, reason)
        return after

    after = await parts.repository.change(document.id, change, "reconcile")
    if is_done:
        await swept(parts, after)
        await let_go(parts, after)
    return is_done
