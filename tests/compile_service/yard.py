"""The application of worker processes in tests."""

from tests.compile_service.machine import equipped

app = equipped(None)
