"""The service over HTTP: routes of the API, and the page of the dashboard."""
