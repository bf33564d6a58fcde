"""Market data: read, checked, resampled, hashed, or made from a seed."""

from abaca_strategies.data.access import BarSource
from abaca_strategies.data.dataset import COLUMNS, DataSet
from abaca_strategies.data.packing import pack, read_packed, unpack
from abaca_strategies.data.reading import read
from abaca_strategies.data.resampling import resample
from abaca_strategies.data.synthetic import synthetic
from abaca_strategies.data.timeframes import Timeframe, spacing_of
from abaca_strategies.data.validating import Problem, Report, validate

__all__ = [
    "COLUMNS",
    "BarSource",
    "DataSet",
    "Problem",
    "Report",
    "Timeframe",
    "pack",
    "read",
    "read_packed",
    "resample",
    "spacing_of",
    "synthetic",
    "unpack",
    "validate",
]
