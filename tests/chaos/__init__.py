"""Processes killed, stopped and restarted in mid-run, on stores that survive it."""
