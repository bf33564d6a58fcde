"""What every end of a job brings with it: its count in the totals, and its hint."""

from __future__ import annotations

from collections import Counter

from abaca.backends.sqlite.rows import read_jobs
from abaca.backends.sqlite.tx import Tx
from abaca.model import State, job_topic


def count_ended(tx: Tx, ended: Counter[State]) -> None:
    for state, jobs in ended.items():
        tx.run("count_ended", state=int(state), jobs=jobs)


def hint_ended(tx: Tx, ids: list[str]) -> None:
    """Tell of ended jobs; those whom somebody here awaits travel with their record."""
    topics = [job_topic(id) for id in ids]
    watched = set(tx.wanted(topics))
    jobs = read_jobs(tx, [id for id, topic in zip(ids, topics, strict=True) if topic in watched]) if watched else {}
    tx.hints += [(topic, jobs.get(id)) for id, topic in zip(ids, topics, strict=True)]
