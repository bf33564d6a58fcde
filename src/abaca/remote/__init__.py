"""Workers that are not written in Python: what the service says to the store for them."""

from abaca.remote.messages import (
    BeatRequest,
    ClaimedRun,
    ClaimRequest,
    RunAnswer,
    SettleRequest,
    UpdateRequest,
)
from abaca.remote.upkeep import Upkeep
from abaca.remote.workers import LANE, RemoteWorkers

__all__ = [
    "LANE",
    "BeatRequest",
    "ClaimRequest",
    "ClaimedRun",
    "RemoteWorkers",
    "RunAnswer",
    "SettleRequest",
    "UpdateRequest",
    "Upkeep",
]
