"""Sweeps as plain data and plain functions: what is to be run, and what the runs say together.

``terms`` is light. ``planning`` and ``reducing`` need numpy and pandas, and are loaded at their first use.
"""
