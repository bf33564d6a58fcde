"""Every route of the service: each module lists its own in ``ENDPOINTS``.

``HANDLERS`` are route handlers of Litestar that are no part of the API: pages and files.
"""

from typing import Any

from abaca.http import dashboard
from abaca.http.endpoint import Endpoint
from abaca.http.routes import (
    bulk,
    failures,
    jobacts,
    jobs,
    metrics,
    operations,
    queues,
    remote,
    results,
    retention,
    schedules,
    streams,
    submit,
    webhooks,
    workers,
    workflows,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *submit.ENDPOINTS,
    *jobs.ENDPOINTS,
    *jobacts.ENDPOINTS,
    *bulk.ENDPOINTS,
    *remote.ENDPOINTS,
    *streams.ENDPOINTS,
    *operations.ENDPOINTS,
    *queues.ENDPOINTS,
    *workers.ENDPOINTS,
    *schedules.ENDPOINTS,
    *workflows.ENDPOINTS,
    *failures.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *results.ENDPOINTS,
    *retention.ENDPOINTS,
    *metrics.ENDPOINTS,
)
HANDLERS: tuple[Any, ...] = (*dashboard.HANDLERS,)
