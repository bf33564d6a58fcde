"""``python -m examples.strategies``: a strategy is stored, back-tested with progress, edited, and swept."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from abaca import App, JobHandle, Kind, Progress
from abaca_strategies.models import BacktestResult
from abaca_strategies.requests import BacktestRequest, EditStrategyRequest, RuleFields, SweepRequest
from abaca_strategies.strategies import Strategies

CODE = """
PARAMS = {"fast": 10, "slow": 40}

def signals(df, params):
    fast = df["close"].rolling(params["fast"]).mean()
    slow = df["close"].rolling(params["slow"]).mean()
    return (fast > slow) * 1.0
"""
RULES = msgspec.convert({"costs": {"fee_bps": 5, "slippage_bps": 5}, "stop_loss": 0.15}, RuleFields)
app = App(plugins=["strategies"])


async def main() -> None:
    strategies = Strategies.of(app)
    async with app, app.worker(queues=["strategies"]):
        made = await strategies.registry.create(name="two averages", python_code=CODE)
        request = BacktestRequest(strategy_id=made.strategy_id, start_date="2016-01-01", rules=RULES)
        handle = await strategies.backtest.enqueue(request)
        _, result = await asyncio.gather(follow(handle), handle.result(timeout=120))
        tell(result)

        change = EditStrategyRequest(python_code=CODE.replace('"slow": 40', '"slow": 100'))
        await strategies.registry.edit(made.strategy_id, change)
        tell(await (await strategies.backtest.enqueue(request)).result(timeout=120))

        grid = {"fast": [5, 10, 20], "slow": [20, 40, 100]}
        sweep = SweepRequest(
            strategy_id=made.strategy_id, grid=grid, constraints=["fast < slow"], start_date="2016-01-01", rules=RULES
        )
        found = await (await strategies.sweeps.start(sweep)).result(timeout=120)
        best = found.best
        assert best is not None
        print(f"{found.done} points; the best is {best.params} with a Sharpe ratio of {best.score:.4f}")


async def follow(handle: JobHandle[BacktestResult]) -> None:
    """Say how far it is, beside what it answers."""
    async for update in handle.updates():
        if update.kind is Kind.PROGRESS:
            told = msgspec.json.decode(update.data, type=Progress)
            print(f"{told.stage}: {told.done:,.0f} of {told.total or 0:,.0f}", file=sys.stderr)


def tell(result: BacktestResult) -> None:
    if not result.success:
        print(f"version {result.version} failed: {result.error_message}")
        return
    figures = result.metrics
    print(
        f"version {result.version}: {result.summary.symbols_processed} tickers, {result.trades_total} trades, "
        f"return {figures['total_return']:.2%}, drawdown {figures['max_drawdown']:.2%}"
    )


if __name__ == "__main__":
    asyncio.run(main())
