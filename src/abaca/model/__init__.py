"""Values that cross the storage seam. All are frozen: nothing is changed and handed back.

Units: a field that ends in ``_ms`` is a duration in milliseconds; a field that ends in ``_at`` is an instant in
microseconds since the Unix epoch, read from the store's clock. Ids are UUIDv7 (RFC 9562) as 32 hexadecimal digits,
whose last two name the partition.
"""

from abaca.model.base import DAY_MS, HOUR_MS, MINUTE_MS, Value
from abaca.model.faults import Fault, FaultKind
from abaca.model.job import (
    DEFAULT_PRIORITY,
    DEFAULT_QUEUE,
    STATUS_ALIASES,
    ErrorInfo,
    Job,
    KeyScope,
    NewJob,
    State,
    Status,
    Tick,
)
from abaca.model.limits import BUCKET, FULL, MOST_LIMITS, QUEUE, Limit, QueueSettings, full_queue, queue_bucket
from abaca.model.log import TRIMMED_KINDS, History, Kind, NewUpdate, Progress, Update
from abaca.model.moves import Beat, Card, Exchanged, Inserted, Lease, Pulse, Receipt, Settle, Transition, Verdict, Want
from abaca.model.operator import Amended, Cancelled, Change, Requeued
from abaca.model.rules import Backoff, Delays, Exponential, Fixed, Keep, Linear, Quadratic, RetryRule
from abaca.model.schedule import Cadence, Cron, Every, Missed, Overlap, Schedule
from abaca.model.views import CURSOR, SCHEDULE, Hint, Page, Query, QueueStats, Record, Stats, job_topic, queue_topic

__all__ = [
    "BUCKET",
    "CURSOR",
    "DAY_MS",
    "DEFAULT_PRIORITY",
    "DEFAULT_QUEUE",
    "FULL",
    "HOUR_MS",
    "MINUTE_MS",
    "MOST_LIMITS",
    "QUEUE",
    "SCHEDULE",
    "STATUS_ALIASES",
    "TRIMMED_KINDS",
    "Amended",
    "Backoff",
    "Beat",
    "Cadence",
    "Cancelled",
    "Card",
    "Change",
    "Cron",
    "Delays",
    "ErrorInfo",
    "Every",
    "Exchanged",
    "Exponential",
    "Fault",
    "FaultKind",
    "Fixed",
    "Hint",
    "History",
    "Inserted",
    "Job",
    "Keep",
    "KeyScope",
    "Kind",
    "Lease",
    "Limit",
    "Linear",
    "Missed",
    "NewJob",
    "NewUpdate",
    "Overlap",
    "Page",
    "Progress",
    "Pulse",
    "Quadratic",
    "Query",
    "QueueSettings",
    "QueueStats",
    "Receipt",
    "Record",
    "Requeued",
    "RetryRule",
    "Schedule",
    "Settle",
    "State",
    "Stats",
    "Status",
    "Tick",
    "Transition",
    "Update",
    "Value",
    "Verdict",
    "Want",
    "full_queue",
    "job_topic",
    "queue_bucket",
    "queue_topic",
]
