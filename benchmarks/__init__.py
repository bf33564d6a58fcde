"""Measures this project beside a hand-written loop, and beside other job queues. ``python -m benchmarks --help``."""
