"""The demo: analyse a directory of Python files, lose a worker on the way, and lose nothing else."""
