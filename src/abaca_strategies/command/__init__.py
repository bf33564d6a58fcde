"""The commands ``abaca strategies``, ``backtest``, ``sweep``, ``screen``, ``alerts`` and ``data``."""
