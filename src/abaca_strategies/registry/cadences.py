"""The schedules of alert rules: ``strategies.alert.ID`` is that of the rule ``ID``."""

from __future__ import annotations

from abaca import App, ConfigError, ScheduleNotFound, Task
from abaca_strategies.errors import Refused
from abaca_strategies.models import AlertResult
from abaca_strategies.registry.recording import again
from abaca_strategies.requests import AlertRequest, AlertRuleRequest


class Cadences:
    """``task`` evaluates a rule. What it is told is the rule's id: the rule itself is read when it is evaluated."""

    def __init__(self, app: App, task: Task[[AlertRequest], AlertResult]) -> None:
        self._schedules = app.schedules
        self._task = task

    async def keep(self, id: str, rule: AlertRuleRequest) -> None:
        """The schedule is there and as the rule says. Raises ``Refused`` for a cadence that cannot be used."""
        name, call = schedule_of(id), self._task.call(AlertRequest(strategy_id=rule.strategy_id, rule_id=id))
        about = f"alert rule {rule.name or id} of strategy {rule.strategy_id}"
        schedules = self._schedules
        async for _ in again(f"schedule {name}"):
            is_there = await self.has(id)
            try:
                if is_there:
                    await schedules.change(
                        name,
                        call=call,
                        cron=rule.cron,
                        every=rule.every,
                        tz=rule.tz,
                        missed=rule.missed,
                        description=about,
                    )
                else:
                    await schedules.create(
                        name,
                        call,
                        cron=rule.cron,
                        every=rule.every,
                        tz=rule.tz,
                        missed=rule.missed,
                        overlap="skip",
                        description=about,
                    )
                return
            except ScheduleNotFound:  # it went in between
                continue
            except ConfigError as error:
                if is_there or not await self.has(id):
                    raise Refused("cron" if rule.every is None else "every", str(error)) from error

    async def has(self, id: str) -> bool:
        try:
            await self._schedules.get(schedule_of(id))
        except ScheduleNotFound:
            return False
        return True

    async def next(self, id: str) -> str | None:
        """When it fires next, in RFC 3339; None where it is not there or disabled."""
        try:
            schedule = await self._schedules.get(schedule_of(id))
        except ScheduleNotFound:
            return None
        upcoming = await self._schedules.ticks(schedule, 1) if schedule.enabled else []
        return upcoming[0].isoformat().replace("+00:00", "Z") if upcoming else None

    async def drop(self, id: str) -> None:
        """It fires no more. One that is not there is fine."""
        await self._schedules.delete(schedule_of(id))


def schedule_of(id: str) -> str:
    return f"strategies.alert.{id}"
