"""What people and programs see of a job, a queue, a worker, a schedule: one frozen struct each, made from the model.

The HTTP API, ``--json`` of the command line and the dashboard use the same. Times are RFC 3339 in UTC with microseconds
and ``Z``, durations end in ``_ms``, payloads are the JSON they are.
"""

from abaca.views.jobs import JobView, job_view, job_views, workflow_of
from abaca.views.payloads import as_json
from abaca.views.queues import QueueView, queue_view
from abaca.views.schedules import ScheduleView, schedule_view
from abaca.views.times import instant
from abaca.views.updates import UpdateView, update_view
from abaca.views.workers import WorkerView, worker_view

__all__ = [
    "JobView",
    "QueueView",
    "ScheduleView",
    "UpdateView",
    "WorkerView",
    "as_json",
    "instant",
    "job_view",
    "job_views",
    "queue_view",
    "schedule_view",
    "update_view",
    "worker_view",
    "workflow_of",
]
