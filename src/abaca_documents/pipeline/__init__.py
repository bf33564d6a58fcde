"""From bytes to chunks that searches find. Knows nothing of jobs: every step may be run again, by anybody."""
