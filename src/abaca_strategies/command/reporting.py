"""``--html``: a report in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abaca import AbacaError, ConfigError
from abaca.cli import note
from abaca_strategies.models import BacktestResult, Strategy
from abaca_strategies.web.report import report

Html = Annotated[Path | None, Parameter(help="Write a report to this file, with its pictures inside.")]


def check_target(path: Path | None, *, detach: bool = False) -> None:
    """Raises ``ConfigError`` before anything is done, where no report could be written in the end."""
    if path is None:
        return
    if detach:
        raise ConfigError("--detach does not wait; `abaca backtest show JOB --html FILE` writes the report later")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigError(f"--html: {path} cannot be written: name a file in a folder that is there")


def write_report(path: Path, result: BacktestResult, strategy: Strategy | None, dataset: str | None) -> None:
    """Raises ``AbacaError`` where the file cannot be written; the run is kept all the same."""
    try:
        path.write_text(report(result, strategy, dataset=dataset), encoding="utf-8")
    except OSError as error:
        raise AbacaError(f"the report cannot be written to {path}: {error.strerror or error}") from error
    note(f"the report is in {path}")
