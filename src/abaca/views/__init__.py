"""What people and programs see of a job, a queue, a worker, a schedule: one frozen struct each, made from the model.

The HTTP API, ``--json`` of the command line and the dashboard use the same. Times are RFC 3339 in UTC with microseconds
and ``Z``, durations end in ``_ms``, payloads are the JSON they are.
"""

from abaca.views.jobs import JobView, job_view, workflow_of
from abaca.views.payloads import as_json
from abaca.views.times import instant
from abaca.views.updates import UpdateView, update_view

__all__ = ["JobView", "UpdateView", "as_json", "instant", "job_view", "update_view", "workflow_of"]
