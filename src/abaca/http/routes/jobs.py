"""``/jobs``: reading."""

from __future__ import annotations

from abaca.http.caller import Scope
from abaca.http.endpoint import endpoint
from abaca.http.requests import ApiRequest
from abaca.views import JobView, job_view


@endpoint("GET", "/jobs/{id}", scope=Scope.READ)
async def get_job(request: ApiRequest, id: str) -> JobView:
    """Read one job."""
    job = await request.job(id)
    secrets = await request.secrets([job.spec.task])
    return job_view(job, secrets[job.spec.task])


ENDPOINTS = (get_job,)
