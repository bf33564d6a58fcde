"""A soak sees what grows and what stands still."""

from __future__ import annotations

import os
import socket

import pytest

from tests.soak.watch import Sample, Series, look, rise, slope, standstills


def series(rss_per_sample: float = 0.0, descriptors_per_sample: float = 0.0) -> Series:
    samples = [
        Sample(float(n), 80.0 + n * rss_per_sample, round(20 + n * descriptors_per_sample), 5) for n in range(100)
    ]
    return Series("runner", samples)


def test_what_is_flat_has_no_faults() -> None:
    assert series().faults() == []


def test_memory_that_grows_is_found() -> None:
    assert "memory rose by" in series(rss_per_sample=0.2).faults()[0]


def test_descriptors_that_leak_are_found() -> None:
    assert "more descriptors" in series(descriptors_per_sample=0.2).faults()[0]


def test_what_is_open_for_a_moment_is_no_leak() -> None:
    assert rise([5, 5, 5, 5, 5, 5, 40, 5, 30]) == 0


def test_the_slope_is_that_of_the_line() -> None:
    assert slope([0, 1, 2, 3], [5, 7, 9, 11]) == pytest.approx(2)


def test_a_standstill_counts_only_while_jobs_are_due() -> None:
    # Given nothing ending for six seconds, with jobs due and without
    waiting = [(float(n), 10, 3) for n in range(7)]
    idle = [(float(n), 10, 0) for n in range(7)]
    working = [(float(n), 10 + n, 3) for n in range(7)]
    starting = [(float(n), 0, 3) for n in range(7)]
    # Then
    assert standstills(starting) == []
    assert len(standstills(waiting)) == 1
    assert standstills(idle) == []
    assert standstills(working) == []


def test_a_process_is_looked_at() -> None:
    with socket.socket() as one:
        sample = look(os.getpid(), 0.0)
        assert one.fileno() >= 0
    assert sample is not None
    assert sample.rss > 1
    assert sample.descriptors > sample.sockets >= 1
