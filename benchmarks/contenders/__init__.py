"""One module per contender, each run with ``python -m`` in a process and an environment of its own."""
