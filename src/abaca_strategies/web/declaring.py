"""How these routes are declared: the scope ``strategies``, and which error is which answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from abaca.http import ApiError, ApiRequest, Code, Endpoint, endpoint
from abaca_strategies.errors import (
    CodeRefused,
    Conflict,
    DataRefused,
    DataSetNotFound,
    Refused,
    RuleNotFound,
    RunNotFound,
    StrategyNotFound,
    SweepNotFound,
    SymbolNotFound,
    TooLarge,
    VersionNotFound,
)
from abaca_strategies.failures import DataError
from abaca_strategies.strategies import Strategies

SCOPE = "strategies"
Refusal = tuple[int, str]
NO_STRATEGY: Refusal = (404, "strategy_not_found")
NO_VERSION: Refusal = (404, "version_not_found")
NO_DATA_SET: Refusal = (404, "dataset_not_found")
NO_RUN: Refusal = (404, "run_not_found")
NO_SWEEP: Refusal = (404, "sweep_not_found")
NO_RULE: Refusal = (404, "rule_not_found")
CONFLICT: Refusal = (409, Code.CONFLICT.value)
GONE: Refusal = (410, Code.RESULT_EXPIRED.value)
TOO_LARGE: Refusal = (413, Code.TOO_LARGE.value)
UNSUPPORTED: Refusal = (415, Code.UNSUPPORTED_TYPE.value)
INVALID: Refusal = (422, Code.INVALID.value)
CODE_REFUSED: Refusal = (422, "code_refused")
DATA_REFUSED: Refusal = (422, "data_refused")
NO_SYMBOL: Refusal = (422, "symbol_not_found")

REFUSALS: Mapping[type[Exception], Refusal] = {
    StrategyNotFound: NO_STRATEGY,
    VersionNotFound: NO_VERSION,
    DataSetNotFound: NO_DATA_SET,
    RunNotFound: NO_RUN,
    SweepNotFound: NO_SWEEP,
    RuleNotFound: NO_RULE,
    SymbolNotFound: NO_SYMBOL,
    Conflict: CONFLICT,
    TooLarge: TOO_LARGE,
    CodeRefused: CODE_REFUSED,
    DataRefused: DATA_REFUSED,
    Refused: INVALID,
    DataError: INVALID,
}


def route(method: str, path: str, **options: Any) -> Callable[[Callable[..., Any]], Endpoint]:
    """An endpoint of the scope ``strategies``, whose errors of this application are answers."""
    return endpoint(method, path, scope=SCOPE, refusal=answer_of, **options)


def answer_of(error: Exception) -> Exception:
    """The answer that an error is; the error itself where nobody foresaw it."""
    refusal = REFUSALS.get(type(error))
    if refusal is None:
        return error
    status, code = refusal
    match error:
        case DataRefused():
            problems = msgspec.to_builtins(error.problems)
            return ApiError(status, code, error.why, field=error.field, details={"problems": problems})
        case Refused():
            return ApiError(status, code, error.why, field=error.field)
        case SymbolNotFound():
            return ApiError(status, code, str(error), field="symbols")
        case _:
            return ApiError(status, code, str(error))


class Opened:
    """What a service has open of the strategies: closed with it."""

    def __init__(self, service: Any) -> None:
        self.strategies = Strategies.of(service.app)

    async def close(self) -> None:
        await self.strategies.close()


def strategies_of(request: ApiRequest) -> Strategies:
    return request.service.piece(Opened).strategies
