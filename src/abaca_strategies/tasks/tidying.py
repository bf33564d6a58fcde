"""``strategies.tidy``: files of data that nothing names any more, and schedules that alert rules lack."""

from __future__ import annotations

from abaca import Ctx, Retry, Task
from abaca_strategies.tasks.service import QUEUE, Service

NAME = "strategies.tidy"


def declare_tidying(service: Service) -> Task[[], int]:
    """Once an hour. It answers how many files went."""

    @service.app.task(name=NAME, queue=QUEUE, retry=Retry(max_attempts=2))
    async def tidy(ctx: Ctx) -> int:
        await service.alerts.mend()
        return await service.datasets.tidy() if service.has_files() else 0

    service.app.every("1h", name=NAME)(tidy)
    return tidy
