"""Walk forward: parts of the time to choose a point on, each followed by a part to judge the choice on."""

from __future__ import annotations

from dataclasses import dataclass

from abaca_strategies.failures import StrategyError


@dataclass(frozen=True)
class Fold:
    """Bars ``train_start <= bar < train_end`` to choose on, then ``test_start <= bar < test_end`` to judge on."""

    train_start: int
    train_end: int
    test_start: int
    test_end: int


def walk_forward(bars: int, folds: int, *, train: float = 0.7, anchored: bool = False, gap: int = 0) -> list[Fold]:
    """``folds`` pairs of which the test parts follow each other without overlap up to the last bar.

    A training part is ``train`` of its pair (0.7: seven bars to choose on for three to judge on). ``anchored`` lets all
    training parts begin at the first bar. ``gap`` bars between training and test belong to neither, so that what a
    strategy looks back on is not what it was chosen by. Raises ``StrategyError`` where there are too few bars.
    """
    if folds < 1 or not 0 < train < 1 or gap < 0:
        raise StrategyError("walk forward: at least one fold, 0 < train < 1, and a gap of 0 or more bars")
    # test * folds + lead = bars, where lead is the first training part and its gap
    test = int((bars - gap) * (1 - train) / (train + folds * (1 - train)))
    lead = bars - test * folds - gap
    if test < 1 or lead < 1:
        raise StrategyError(f"walk forward: {bars} bars are too few for {folds} folds with a gap of {gap}")
    found = []
    for number in range(folds):
        start = lead + gap + number * test
        found.append(Fold(0 if anchored else number * test, start - gap, start, start + test))
    return found
