"""The worker, on the memory store and with real processes."""
