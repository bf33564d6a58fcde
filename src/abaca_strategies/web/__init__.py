"""Strategies over HTTP: routes of the API, and the pages of the dashboard."""
