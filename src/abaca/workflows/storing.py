"""How a workflow gets into the store: batch by batch, parents first, all of it or none that would run on."""

from __future__ import annotations

from collections.abc import Sequence

from abaca.backend import UNKNOWN_PARENT
from abaca.bulk import cancel_many
from abaca.carrying import stamped
from abaca.client import Client, batches
from abaca.codec import new_id
from abaca.errors import BackendUnavailable, EnqueueRefused, QueueFull
from abaca.model import Inserted, NewJob, Receipt
from abaca.patience import refusal
from abaca.workflows.plan import renewed


class Jobs:
    """The jobs of one workflow. Storing them again stores none twice; after a refusal they are new jobs."""

    def __init__(self, jobs: Sequence[NewJob]) -> None:
        self._jobs = list(jobs)
        self._spent = False
        self._renewed: dict[str, str] = {}

    @property
    def jobs(self) -> list[NewJob]:
        return list(self._jobs)

    @property
    def ids(self) -> list[str]:
        """The final one is the last."""
        return [job.id for job in self._jobs]

    def id_of(self, id: str) -> str:
        """The present id of a job that was planned with this one."""
        return id if not self._renewed else self._renewed[id]

    async def store(self, client: Client) -> str:
        """Answers the workflow's id. Raises ``EnqueueRefused``, ``BackendUnavailable``, and before anything is stored
        ``PlaceUnavailable``."""
        if self._spent:
            self._renew()
        try:
            for batch in batches(await client.parted([stamped(job, client.stamp) for job in self._jobs])):
                receipts = await client.insert_whole(batch)
                refused = _first_refused(batch, receipts)
                if refused is not None:
                    await self._take_back(client, refused)
        except BackendUnavailable as error:
            raise BackendUnavailable(
                f"the store could not be reached while enqueuing workflow {self.ids[-1]} of {len(self._jobs)} jobs "
                f"({error}); whether it was stored is unknown. Enqueuing the same object again is safe"
            ) from error
        return self.ids[-1]

    def _renew(self) -> None:
        """What was refused once is cancelled, and its ids are spent."""
        fresh = {job.id: new_id() for job in self._jobs}
        first = self._renewed or {id: id for id in fresh}
        self._renewed = {id: fresh[present] for id, present in first.items()}
        self._jobs, self._spent = renewed(self._jobs, fresh), False

    async def _take_back(self, client: Client, refused: tuple[NewJob, Receipt]) -> None:
        self._spent = True
        ids = self.ids[::-1]  # children first: none of them is to hear that its parents were cancelled
        await cancel_many(client.ask, ids)
        error = refusal(*refused)
        message = f"{error}: of its workflow everything that was stored is cancelled"
        raise QueueFull(message, error.wait) if isinstance(error, QueueFull) else EnqueueRefused(message)


def _first_refused(batch: Sequence[NewJob], receipts: Sequence[Receipt]) -> tuple[NewJob, Receipt] | None:
    """The cause: not one that was refused because its parent was."""
    refused = [
        (job, receipt)
        for job, receipt in zip(batch, receipts, strict=True)
        if receipt.outcome in (Inserted.REFUSED, Inserted.HELD, Inserted.REPLACED)
    ]
    causes = [(job, receipt) for job, receipt in refused if not receipt.reason.startswith(UNKNOWN_PARENT)]
    return next(iter(causes or refused), None)
