"""Every route of the service: each module lists its own in ``ENDPOINTS``.

``HANDLERS`` are route handlers of Litestar that are no part of the API: pages and files.
"""

from typing import Any

from abaca.http import dashboard
from abaca.http.endpoint import Endpoint
from abaca.http.routes import bulk, jobacts, jobs, remote, streams, submit

ENDPOINTS: tuple[Endpoint, ...] = (
    *submit.ENDPOINTS,
    *jobs.ENDPOINTS,
    *jobacts.ENDPOINTS,
    *bulk.ENDPOINTS,
    *remote.ENDPOINTS,
    *streams.ENDPOINTS,
)
HANDLERS: tuple[Any, ...] = (*dashboard.HANDLERS,)
