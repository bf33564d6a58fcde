"""The compile service: its jobs, its cache, its routes, its page."""
