"""At most so many at once; the others stand in line, each for a while."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """Places that are taken and given back, first come, first served. Used from one event loop."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._line: deque[asyncio.Future[bool]] = deque()

    def ask(self) -> asyncio.Future[bool]:
        """Answers ``True`` once a place is taken. Whoever wants to leave the line sets ``False``."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._free > 0:
            self._free -= 1
            answer.set_result(True)
        else:
            self._line.append(answer)
        return answer

    def give_back(self) -> None:
        while self._line:
            answer = self._line.popleft()
            if not answer.done():
                answer.set_result(True)
                return
        self._free += 1


def leave(answer: asyncio.Future[bool]) -> None:
    """Give up waiting. Does nothing when the place is taken already."""
    if not answer.done():
        answer.set_result(False)
