"""Every key and channel of the store. Each begins with its partition, ``<prefix>:{<last byte of the id>}:``.

The part in braces is what Redis Cluster places keys by, so a partition is always in one place. After the partition:

=====================  ==========  ==========================================================================
key                    type        meaning
=====================  ==========  ==========================================================================
``j:<id>``             string      a job's packed record (``packing.py``)
``w:<line>``           sorted set  a line: the ids that wait, by due time; the text is ``priority|lane|queue``
``d:<line>``           sorted set  those of the line that are ordered by deadline, by due time (``lua/lines.lua``)
``e:<line>``           sorted set  the same by deadline
``m:<line>``           sorted set  those that name a tenant, and the tenant, by due time (``lua/fronts.lua``)
``n:<tenant>:<line>``  sorted set  those of one tenant, by due time; the tenant has its length and a colon before it
``f:<line>``           sorted set  the first of each tenant of which no pass is known, as in ``m:``
``a:<line>``           sorted set  the first of each other tenant, by pass
``o:<prio>|<queue>``   sorted set  the passes, ``=`` and the tenant, and the time
``y:<prio>|<queue>``   hash        how many jobs each tenant has in these lines or parked out of them
``claims``             hash        how many claims queues with aging have had, modulo ``AGED_SLOT``
``paces``              hash        what is counted of the claims of queues that can be full (``lua/admission.lua``)
``q:<queue>``          sorted set  the lines of a queue, ``priority|lane|`` and ``d`` or ``m`` or nothing, by -priority
``queues``             set         the queues that have lines
``leases``             sorted set  the instants at which leases end, by themselves (``lua/leases.lua``)
``l:<instant>``        string      the ids of the jobs leased until then; some may have left
``running``            hash        for each such instant, how many have not left
``ended``              sorted set  ended jobs and tombstones by when they leave
``clock``              string      the latest instant at which a lease was made
``u:<key>``            string      the job that holds a key, and when that ends if it is held for a period (8 bytes)
``periods``            sorted set  the keys that are held for a period, by its end
``c:<id>``             hash        a job's children that have not ended, and what end each asks for
``open``               hash        jobs that wait for parents: how many are open, and unmet (``lua/families.lua``)
``b:<bucket>``         set         the running jobs that hold a permit of a bucket (``lua/limits.lua``)
``rates``              sorted set  buckets with a rate by when they are full again
``p:<place>``          sorted set  parked jobs; the place is ``<bytes>:<bucket>:<spot>`` (``lua/limits.lua``),
                                   and ``0::<line>`` for jobs that wait for parents
``i:<bucket>``         sorted set  the spots that have jobs parked under a bucket, by -priority
``tasks``              string      the tasks that have a bucket (``lua/settings.lua``)
``parks``              set         the places that have parked jobs
``refills``            sorted set  buckets with parked jobs by when their rate allows a start; at 1 where claims let
                                   more back because settings changed
``refilling``          hash        interval and burst of those
``g:<id>``             sorted set  a job's log entries that are never trimmed, by entry id
``t:<id>``             sorted set  its progress and log lines, by entry id
``r:<kind>:<id>``      string      a small versioned record; expires if it has an end
``k:<kind>``           sorted set  the ids of a kind's records
``totals``             hash        ended jobs since the store was made, by status; ``gone.<status>`` those of them
                                   that no record shows any more; ``repaired`` what audits mended
``cards``              hash        workers' cards
``seen``               sorted set  workers by their last beat
``h:<queue>``          sorted set  held claims by when they came; expires
``v:<waiter>``         string      what a held claim wants; expires
=====================  ==========  ==========================================================================

Ids in keys and members are the 16 bytes. Channels: ``J:<id>`` for one job, ``T:<topic>`` for any other topic,
``J`` to which everybody subscribes who watches any job,
``I:<token>`` for what is handed to the held claims of one client. The scripts are a library of Redis functions named
``abaca_<digest>``; libraries of earlier versions stay until ``FUNCTION DELETE``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SERVED_PARTITION = 0
DEFAULT_PREFIX = "abaca"
PREFIX = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

_JOB_TOPIC = "job:"
_ID_BYTES = 16

PATTERNS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rb"[jgtc]:.{16}",
        rb"[wdemfa]:-?\d+\|[^|]*\|.*",
        rb"n:\d+:.*:-?\d+\|[^|]*\|.*",
        rb"[oy]:-?\d+\|.*",
        rb"[qhubi]:.*",
        rb"p:\d+:.*:-?\d+\|[^|]*\|.*",
        rb"queues|leases|running|ended|clock|totals|cards|seen|periods|rates|parks|refills|refilling|open|claims|paces|tasks",
        rb"l:-?\d+",
        rb"r:[^:]+:.*",
        rb"k:.*",
        rb"v:[0-9a-f]{24}",
    )
)
"""What may stand after the partition in a key."""


def partition(prefix: str, number: int) -> bytes:
    return b"%s:{%02x}:" % (prefix.encode(), number)


def pack_id(id: str) -> bytes | None:
    """The 16 bytes of a job's id, or ``None`` for a text that is no id."""
    try:
        packed = bytes.fromhex(id)
    except ValueError:
        return None
    return packed if len(packed) == _ID_BYTES and packed.hex() == id else None


def pack_ids(ids: Sequence[str]) -> bytes | None:
    """The bytes of many ids, one after the other, or ``None`` if one of the texts is no id."""
    if not ids:
        return b""
    text = "".join(ids)
    if set(map(len, ids)) != {2 * _ID_BYTES}:
        return None
    try:
        packed = bytes.fromhex(text)
    except ValueError:
        return None
    return packed if packed.hex() == text else None


def channel(base: bytes, topic: str) -> bytes:
    if topic.startswith(_JOB_TOPIC) and (packed := pack_id(topic[len(_JOB_TOPIC) :])) is not None:
        return base + b"J:" + packed
    return base + b"T:" + topic.encode()


def watchers(base: bytes) -> bytes:
    return base + b"J"


def inbox(base: bytes, token: str) -> bytes:
    return base + b"I:" + token.encode()
