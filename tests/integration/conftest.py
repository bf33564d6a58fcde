"""Every store that a program can name by URL."""

from __future__ import annotations

import pytest

ON_REDIS = pytest.param("redis", marks=pytest.mark.redis)


def _url(request: pytest.FixtureRequest, kind: str) -> str:
    if kind == "memory":
        return "memory://"
    url: str = request.getfixturevalue(f"{kind}_url")
    return url


@pytest.fixture(params=["memory", "sqlite", ON_REDIS])
def store_url(request: pytest.FixtureRequest) -> str:
    """Each store in turn, empty."""
    return _url(request, request.param)


@pytest.fixture(params=["sqlite", ON_REDIS])
def shared_url(request: pytest.FixtureRequest) -> str:
    """Each store that several processes can share, in turn, empty."""
    return _url(request, request.param)
