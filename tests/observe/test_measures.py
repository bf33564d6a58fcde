"""Sums of what workers count: adding, subtracting, packing, bounds."""

from __future__ import annotations

from abaca.measures import MOST_CELLS, OTHER, Cell, Measures, Sums


def counted(completed: int, *, task: str = "render", queue: str = "default") -> Measures:
    measures = Measures()
    cell = measures.cell(queue, task)
    cell.completed += completed
    cell.waits[2] += completed
    cell.ran += completed / 2
    measures.verb("exchange").errors += 1
    return measures


def test_what_came_since_is_the_difference_and_quiet_cells_are_left_out() -> None:
    # Given sums at one moment, and more of them later
    measures = counted(3)
    measures.cell("default", "quiet").failed = 1
    before = measures.copy()
    measures.add(counted(2))
    # When the difference is taken
    since = measures.since(before)
    # Then it has what was counted meanwhile, and nothing of what was not
    assert list(since.cells) == [("default", "render")]
    cell = since.cell("default", "render")
    assert (cell.completed, cell.waits[2], cell.ran) == (2, 2, 1.0)
    assert since.verb("exchange").errors == 1
    # And the copy did not change with the original
    assert before.cell("default", "render").completed == 3


def test_sums_survive_their_packing() -> None:
    # Given sums
    measures = counted(3)
    # When they are packed and unpacked
    again = Sums.unpack(Sums(measures=measures.pack(), closed=True).pack())
    # Then they are the same
    assert again.closed
    assert again.counted.cells == measures.cells
    assert again.counted.verbs == measures.verbs


def test_what_another_version_wrote_is_nothing() -> None:
    # Given bytes that are no sums of ours
    # When they are unpacked
    # Then nothing was counted
    assert not Measures.unpack(b"\x93\x02\x90\x90")
    assert not Measures.unpack(b"garbage")
    assert not Measures.unpack(None)


def test_too_many_tasks_are_counted_together() -> None:
    # Given as many tasks as are counted apart
    measures = Measures(Cell("default", f"task{n}") for n in range(MOST_CELLS))
    # When two more come
    measures.cell("default", "one").completed += 1
    measures.cell("default", "two").completed += 1
    # Then they share a cell, and the sums have no more of them
    assert measures.cell(OTHER, OTHER).completed == 2
    assert len(measures.cells) == MOST_CELLS + 1
