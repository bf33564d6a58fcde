"""``POST /strategies``: from code at once, from a prompt by a job."""

from __future__ import annotations

import msgspec

from abaca.http import Answer, ApiRequest, Waiting, invalid
from abaca_strategies.models import CreateStrategyResult, Strategy
from abaca_strategies.requests import CreateStrategyRequest, EditStrategyRequest
from abaca_strategies.tasks.creating import NEW, first_words
from abaca_strategies.web.bodies import JSON, MAX_BODY, asked
from abaca_strategies.web.callers import strategy_for, user_of
from abaca_strategies.web.declaring import CODE_REFUSED, CONFLICT, INVALID, NO_STRATEGY, route, strategies_of
from abaca_strategies.web.running import RunView, submit

EXAMPLE = {
    "name": "Momentum",
    "python_code": "def signals(df, params):\n    return (df['close'] > df['close'].shift(20)).astype(float)\n",
}
Created = Answer[Strategy] | Answer[RunView[CreateStrategyResult]]


@route(
    "POST",
    "/strategies",
    status=201,
    max_body=MAX_BODY,
    takes={JSON: CreateStrategyRequest},
    errors=(NO_STRATEGY, CONFLICT, CODE_REFUSED, INVALID),
    examples={"body": EXAMPLE},
)
async def post_strategy(
    request: ApiRequest, query: Waiting
) -> Answer[Strategy] | Answer[RunView[CreateStrategyResult]]:
    """Create a strategy from ``python_code``, or have one written from a ``prompt``.

    Code is answered with 201 and version 1. A prompt is a job: 202, or with ``wait`` 200 once it has ended in time; a
    prompt that gives no strategy ends with ``success: false`` and the reason. With a ``strategy_id`` that strategy gets
    a new version.
    """
    body = await asked(request, CreateStrategyRequest)
    return await request.once(await request.body(), lambda: _created(request, body, query.wait))


async def _created(request: ApiRequest, body: CreateStrategyRequest, wait: float) -> Created:
    service = strategies_of(request)
    is_new = body.strategy_id == NEW
    if not is_new:
        await strategy_for(request, str(body.strategy_id))
    if not body.python_code:
        if not body.prompt.strip():
            raise invalid("give python_code, or a prompt that says what the strategy does", "prompt")
        wanted = msgspec.structs.replace(body, user_id=user_of(request.caller, body.user_id))
        return await submit(request, service.create_strategy, wanted, wait)
    if is_new:
        strategy = await service.registry.create(
            name=body.name or first_words(body.prompt),
            python_code=body.python_code,
            description=body.description,
            prompt=body.prompt,
            user_id=user_of(request.caller, body.user_id),
            token=request.new_id(0),
        )
    else:
        change = EditStrategyRequest(
            python_code=body.python_code,
            name=body.name or None,
            description=body.description or None,
            prompt=body.prompt or None,
        )
        strategy = await service.registry.edit(body.strategy_id, change)
    headers = {"Location": request.url(f"/strategies/{strategy.strategy_id}")}
    return Answer(status=201 if is_new else 200, body=strategy, headers=headers)


ENDPOINTS = (post_strategy,)
