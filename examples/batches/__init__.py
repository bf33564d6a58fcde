"""Many jobs in one call, each with its own end."""
