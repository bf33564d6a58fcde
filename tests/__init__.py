"""The tests. `tests.servers` starts the real servers that they run against."""
