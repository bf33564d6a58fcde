"""Every route of the service."""

from abaca_compile.web import batches, caching, compiling, environments, matrices

ENDPOINTS = (
    *compiling.ENDPOINTS,
    *batches.ENDPOINTS,
    *matrices.ENDPOINTS,
    *environments.ENDPOINTS,
    *caching.ENDPOINTS,
)
