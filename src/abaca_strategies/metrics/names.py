"""The names of all figures that a back-test has, to check by them what is asked for."""

FIGURES = frozenset(
    (
        *("bars", "duration_days", "periods_per_year", "initial_equity", "final_equity", "peak_equity"),
        *("total_return", "cagr", "volatility", "sharpe", "sortino", "omega", "skew", "kurtosis"),
        *("value_at_risk", "conditional_value_at_risk", "tail_ratio", "best_period", "worst_period"),
        *("mean_period", "positive_periods", "probabilistic_sharpe", "max_drawdown", "avg_drawdown"),
        *("max_drawdown_days", "avg_drawdown_days", "max_drawdown_bars", "ulcer_index", "calmar", "exposure"),
        *("avg_gross", "max_gross", "turnover", "fees", "slippage", "trades", "open_trades", "win_rate"),
        *("best_trade", "worst_trade", "avg_trade", "avg_win", "avg_loss", "profit_factor", "expectancy"),
        *("sqn", "kelly", "longest_wins", "longest_losses", "avg_trade_days", "max_trade_days"),
        *("avg_trade_bars", "benchmark_total_return", "benchmark_cagr", "benchmark_volatility"),
        *("benchmark_sharpe", "benchmark_max_drawdown", "beta", "alpha", "correlation", "tracking_error"),
        *("information_ratio", "treynor"),
    )
)
