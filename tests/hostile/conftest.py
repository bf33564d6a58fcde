"""The stores that a program can name by URL, each in turn."""

from tests.integration.conftest import shared_url, store_url

__all__ = ["shared_url", "store_url"]
