"""A whole system in one process: virtual time, a seeded scheduler, faults on purpose, and a judge at the end."""
