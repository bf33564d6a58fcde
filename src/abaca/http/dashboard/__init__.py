"""The dashboard: pages below ``/ui``, made by the server, with one script that keeps them live.

Every page works without the script. ``HANDLERS`` are the routes.
"""

from typing import Any

from abaca.http.dashboard import (
    bulk,
    failures,
    files,
    job,
    jobforms,
    listing,
    login,
    overview,
    queues,
    schedules,
    webhooks,
    workers,
    workflows,
)

HANDLERS: tuple[Any, ...] = (
    *overview.HANDLERS,
    *listing.HANDLERS,
    *job.HANDLERS,
    *jobforms.HANDLERS,
    *bulk.HANDLERS,
    *failures.HANDLERS,
    *queues.HANDLERS,
    *workers.HANDLERS,
    *schedules.HANDLERS,
    *workflows.HANDLERS,
    *webhooks.HANDLERS,
    *login.HANDLERS,
    *files.HANDLERS,
)
