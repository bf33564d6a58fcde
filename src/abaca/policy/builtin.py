"""The names of the tasks that every worker knows without any code of the user's."""

JOIN = "abaca.join"
"""Waits for all its parents, however they end, and ends as they did together: the end of a workflow."""
WEBHOOK = "abaca.webhook"
"""Tells a URL how a job ended."""
BUILT_IN = (JOIN, WEBHOOK)
