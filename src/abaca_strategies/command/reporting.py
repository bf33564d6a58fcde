"""``--html``: a report in one file."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from abaca import ConfigError
from abaca.cli import note
from abaca_strategies.models import BacktestResult, Strategy

Html = Annotated[Path | None, Parameter(help="Write a report to this file, with its pictures inside.")]


def check_target(path: Path | None, *, detach: bool = False) -> None:
    """Raises ``ConfigError`` before anything is done, where no report could be written in the end."""
    if path is None:
        return
    if detach:
        raise ConfigError("--detach does not wait; `abaca backtest show JOB --html FILE` writes the report later")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigError(f"--html: {path} cannot be written: name a file in a folder that is there")


def write_report(path: Path, result: BacktestResult, strategy: Strategy) -> None:
    module: Any = importlib.import_module("abaca_strategies.web.report")  # templates and pictures: where one is wanted
    path.write_text(module.report(result, strategy), encoding="utf-8")
    note(f"the report is in {path}")
