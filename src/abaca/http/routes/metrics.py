"""``/metrics``, for Prometheus. It is the same from every process of the service: scrape one address."""

from __future__ import annotations

from abaca.http.caller import Scope
from abaca.http.endpoint import Endpoint, endpoint
from abaca.http.replies import Reply
from abaca.http.requests import ApiRequest
from abaca.http.service import Service
from abaca.observe.exposition import CONTENT_TYPE, Exposition


class Metrics:
    """One for a service, because it remembers which tasks have labels of their own."""

    def __init__(self, service: Service) -> None:
        self.exposition = Exposition()

    async def close(self) -> None: ...


@endpoint("GET", "/metrics", scope=Scope.READ, root=True, tag="health")
async def metrics(request: ApiRequest) -> Reply:
    """Counters, histograms and gauges in Prometheus' text format, over all queues, tasks and owners."""
    text = await request.ask(request.service.piece(Metrics).exposition.text)
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(text)).encode())]
    return Reply(200, text, headers)


ENDPOINTS: tuple[Endpoint, ...] = (metrics,)
