"""Keeps a collection as the files of some folders are.

What the kernel tells is only that there is something to look at: what changed is told by the files themselves, so a
change that nobody told of is seen at the next look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from watchfiles import awatch

from abaca.cli import note
from abaca_documents.command.finding import Found, Mark, Wanted
from abaca_documents.command.reporting import Ending, Outcome, Report
from abaca_documents.command.taking import Taker
from abaca_documents.library import Library
from abaca_documents.model import DocumentFilter

_DEBOUNCE_MS = 400
_LOOK_AGAIN_MS = 30_000
"""Looked at anyway: on a network file system the kernel tells nothing."""
_SETTLED = 0.3
_MOST_LOOKS = 20
_PAGE = 500


class Keeper:
    """``_documents`` are the ids by path. Files with the same bytes share one document."""

    def __init__(self, library: Library, wanted: Wanted, taker: Taker, report: Report) -> None:
        self._library = library
        self._wanted = wanted
        self._taker = taker
        self._report = report
        self._collection = taker.collection
        self._marks: dict[Path, Mark] = {}
        self._documents: dict[Path, str] = {}

    async def keep(self) -> None:
        """Take in what is there, delete what an earlier watch took in and is there no more, and go on so until it is
        cancelled."""
        self._report_deleted(await self._orphans())
        await self._take(await self._settled())
        self._report.end(self._collection)
        note(f"watching {', '.join(map(str, (*self._wanted.folders, *self._wanted.files)))}; Ctrl-C ends it")
        async for _ in _told(self._wanted):
            await self._round()

    async def _round(self) -> None:
        found = await self._settled()
        changed = {path: each for path, each in found.items() if self._marks.get(path) != each.mark}
        lost = [path for path in self._marks if path not in found and self._wanted.has_lost(path)]
        if not changed and not lost:
            return
        sharing = await self._delete(lost)
        taken = await self._take(changed | {path: found[path] for path in sharing if path in found})
        sharing = self._sharing(taken) - taken  # what they say is found no more: their document has other bytes now
        await self._take({path: found[path] for path in sharing if path in found})
        self._report.end(self._collection)

    async def _take(self, files: dict[Path, Found]) -> set[Path]:
        """Answers those whose document has new bytes."""
        outcomes = await self._taker.take(files.values())
        self._documents |= {Path(each.path): each.document_id for each in outcomes if each.document_id}
        self._marks |= {path: each.mark for path, each in files.items()}
        return {Path(each.path) for each in outcomes if each.outcome is Ending.COMPLETED}

    async def _delete(self, lost: Iterable[Path]) -> set[Path]:
        """Answers the files that shared a document with one that was lost: they need one of their own now."""
        sharing = self._sharing(lost)
        for path in lost:
            del self._marks[path]
            if id := self._documents.pop(path, ""):
                await self._drop(path, id)
        return sharing & self._marks.keys()

    async def _drop(self, path: Path, id: str) -> None:
        if await self._library.documents.exists(id):
            await self._library.delete(id)
        self._report_deleted([(path, id)])

    def _sharing(self, paths: Iterable[Path]) -> set[Path]:
        ids = {self._documents.get(path, "") for path in paths} - {""}
        return {path for path, id in self._documents.items() if id in ids}

    async def _orphans(self) -> list[tuple[Path, str]]:
        found: list[tuple[Path, str]] = []
        cursor: str | None = None
        while True:
            page = await self._library.documents.list(
                DocumentFilter(collection=self._collection), cursor=cursor, limit=_PAGE
            )
            sources = [(Path(each.source_id), each.id) for each in page.items if each.source_id.startswith("/")]
            found += [(path, id) for path, id in sources if self._wanted.has_lost(path)]
            if (cursor := page.cursor) is None:
                break
        await self._library.delete([id for _, id in found])
        return found

    def _report_deleted(self, deleted: Iterable[tuple[Path, str]]) -> None:
        for path, id in deleted:
            self._report.landed(Outcome(path=str(path), outcome=Ending.DELETED, document_id=id))

    async def _settled(self) -> dict[Path, Found]:
        """The files, once none of them changes any more: one that is being copied is not taken in by halves."""
        found = await asyncio.to_thread(self._wanted.look)
        for _ in range(_MOST_LOOKS):
            await asyncio.sleep(_SETTLED)
            again = await asyncio.to_thread(self._wanted.look)
            if again == found:
                break
            found = again
        return found


async def _told(wanted: Wanted) -> AsyncIterator[None]:
    """Whenever something may have changed. Of a file the folder is watched: editors put another one in its place."""
    woken = asyncio.Event()
    woken.set()  # something may have changed before there were listeners
    homes = {True: set(wanted.folders) if wanted.recursive else set(), False: {path.parent for path in wanted.files}}
    if not wanted.recursive:
        homes[False] |= set(wanted.folders)

    async def listen(paths: set[Path], *, recursive: bool) -> None:
        async for _ in awatch(
            *paths,
            watch_filter=None,
            debounce=_DEBOUNCE_MS,
            rust_timeout=_LOOK_AGAIN_MS,
            yield_on_timeout=True,
            recursive=recursive,
            ignore_permission_denied=True,
        ):
            woken.set()

    listeners = [asyncio.create_task(listen(paths, recursive=deep)) for deep, paths in homes.items() if paths]
    try:
        while True:
            waking = asyncio.create_task(woken.wait())
            await asyncio.wait({waking, *listeners}, return_when=asyncio.FIRST_COMPLETED)
            for listener in listeners:
                if listener.done():
                    waking.cancel()
                    listener.result()
            woken.clear()
            yield
    finally:
        for listener in listeners:
            listener.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)
