"""A schedule of the code, a stored one, and calls that come once."""
