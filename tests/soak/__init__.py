"""A long run without faults: what must stay flat stays flat. ``python -m tests.soak --minutes 60``."""
