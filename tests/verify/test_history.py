"""Writing histories in many processes' files, and reading them as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from abaca.verify import Event, HistoryWriter, Item, Src, Type, print_of, print_of_stored, read_history
from abaca.verify.history import Torn


def test_what_was_written_is_read(tmp_path: Path) -> None:
    # Given
    writer = HistoryWriter(tmp_path, "client0#7")
    # When
    writer.write(Src.CLIENT, Type.INVOKE, "enqueue", op="1", items=[Item(id="a", print="p", key="k")])
    writer.write(Src.CLIENT, Type.OK, "enqueue", op="1", val={"held": {"a": "b"}})
    writer.close()
    # Then
    first, second = read_history(tmp_path)
    assert (first.p, first.seq, first.items[0].key) == ("client0#7", 1, "k")
    assert (second.seq, second.val, second.mono >= first.mono) == (2, {"held": {"a": "b"}}, True)


def test_files_are_merged_by_time_and_keep_their_own_order(tmp_path: Path) -> None:
    # Given
    writers = [HistoryWriter(tmp_path, f"w#{number}") for number in range(3)]
    # When
    for turn in range(30):
        writers[turn % 3].write(Src.HANDLER, Type.EVENT, "start", j=str(turn))
    # Then
    events = list(read_history(tmp_path))
    assert [event.mono for event in events] == sorted(event.mono for event in events)
    assert {event.j for event in events} == {str(turn) for turn in range(30)}


def test_a_line_that_a_kill_tore_is_counted_and_skipped(tmp_path: Path) -> None:
    # Given
    writer = HistoryWriter(tmp_path, "w#1")
    writer.write(Src.HANDLER, Type.EVENT, "start", j="a")
    with (tmp_path / "w#1.history").open("ab") as file:
        file.write(b'{"p":"w#1","se')
    # When
    torn = Torn()
    events = list(read_history(tmp_path, torn))
    # Then
    assert ([event.j for event in events], torn.lines) == (["a"], 1)


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    # Given
    (tmp_path / "w#1.history").write_bytes(b'{"p": 3}\n')
    # Then
    with pytest.raises(ValueError, match="cannot be read"):
        list(read_history(tmp_path))


def test_a_second_life_of_a_process_goes_on_in_the_same_file(tmp_path: Path) -> None:
    # When
    for name in "ab":
        writer = HistoryWriter(tmp_path, "w#1")
        writer.write(Src.HANDLER, Type.EVENT, "start", j=name)
        writer.close()
    # Then
    assert [event.j for event in read_history(tmp_path)] == ["a", "b"]


def test_lines_across_the_reader_s_pieces(tmp_path: Path) -> None:
    # Given
    writer = HistoryWriter(tmp_path, "w#1")
    for number in range(40):
        writer.write(Src.HANDLER, Type.EVENT, "start", j=str(number), val="x" * 20_000)
    # Then
    assert [event.j for event in read_history(tmp_path)] == [str(number) for number in range(40)]


def test_equal_values_have_equal_prints_however_they_are_written() -> None:
    assert print_of({"b": 1, "a": [2]}) == print_of_stored(b'{ "a":[2], "b": 1 }') != print_of({"a": [2], "b": 2})


def test_an_event_leaves_out_what_it_does_not_carry(tmp_path: Path) -> None:
    # When
    writer = HistoryWriter(tmp_path, "w#1")
    writer.write(Src.HANDLER, Type.EVENT, "start", j="a", tok=2)
    # Then
    line = (tmp_path / "w#1.history").read_bytes()
    assert b'"att"' not in line
    assert b'"items"' not in line
    assert next(read_history(tmp_path)) == next(read_history(tmp_path))
    assert isinstance(next(read_history(tmp_path)), Event)
