"""A bulk import of ten thousand files: each has its outcome once, kills cost nothing, and neither memory nor the time
of an item grows with how many there are."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from abaca_documents.model import ImportKind, ImportResult, ItemOutcome
from tests.documents_proof.agreement import disagreements, documents
from tests.documents_proof.ground import NAME, Ground, items, part, progressed
from tests.documents_search.models import needs_static
from tests.integration.crew import WorkerProcess

FILES = 10_000
LONG = 500
MEMORY = 64 << 20
"""Bytes that a worker may have grown by from a quarter of the items to all of them."""
TICKS = os.sysconf("SC_CLK_TCK")
ENDS = (ItemOutcome.COMPLETED, ItemOutcome.DEDUPLICATED, ItemOutcome.FAILED)


def text(number: int) -> str:
    return f"Note {number}.\n\nIt is about the number {number}, which follows {number - 1}. " + "Nothing else. " * 40


def counted(result: ImportResult) -> tuple[int, int, int, int]:
    return result.total, result.completed, result.deduplicated, result.failed


def below(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += below(int(child))
    return found


def peak(worker: WorkerProcess) -> int:
    """Bytes of memory that the worker's processes had at most, each counted by itself."""
    lines = "".join(Path(f"/proc/{pid}/status").read_text() for pid in below(worker.pid)).splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def spent(worker: WorkerProcess) -> float:
    """Seconds of processor time of the worker's processes."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in below(worker.pid)]
    return sum(int(each[11]) + int(each[12]) for each in stats) / TICKS


def name_of(number: int) -> str:
    return f"{number // 500:03}/{number:05}.txt"


def expected(number: int) -> ItemOutcome:
    """Of a hundred files two cannot be read, and five are the bytes of the file before them."""
    if number % 50 == 7:
        return ItemOutcome.FAILED
    return ItemOutcome.DEDUPLICATED if number % 20 == 1 else ItemOutcome.COMPLETED


def content(number: int) -> bytes:
    match expected(number):
        case ItemOutcome.FAILED:
            return b"\x89PNG\r\n\x1a\n" + number.to_bytes(8, "big")
        case ItemOutcome.DEDUPLICATED:
            return text(number - 1).encode()
    return text(number).encode()


@needs_static
@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_ten_thousand_files_are_counted_once_each_in_even_steps_also_over_kills(
    here: Ground, tmp_path: Path
) -> None:
    # Given a folder of very many small files, some of them equal and some broken
    count, folder = part(FILES), tmp_path / "notes"
    wanted = [expected(number) for number in range(count)]
    for number in range(count):
        (folder / name_of(number)).parent.mkdir(parents=True, exist_ok=True)
        (folder / name_of(number)).write_bytes(content(number))
    # When a worker that imports them is killed
    killed = here.worker()
    began = time.monotonic()
    handle = await here.imported(folder)
    await progressed(handle, 0.1)
    killed.kill()
    # And another one goes on
    worker = here.worker()
    marks = []
    for share in (0.25, 0.5, 0.75):
        done = await progressed(handle, share)
        marks.append((done, spent(worker), peak(worker)))
    result = await handle.result(timeout=LONG)
    marks.append((count, spent(worker), peak(worker)))
    sys.stdout.write(f"{count} items in {time.monotonic() - began:.0f} s, a kill and the start of a worker with them\n")
    sys.stdout.writelines(f"{n} items: {s:.1f} s of processor time, at most {m >> 20} MiB\n" for n, s, m in marks)
    # Then each file has its outcome, once
    outcomes = await items(handle)
    assert [(each.name, each.outcome) for each in outcomes] == [(name_of(n), each) for n, each in enumerate(wanted)]
    assert counted(result) == (count, *(wanted.count(each) for each in ENDS))
    before = {each.filename: each for each in await documents(here.library, NAME)}
    assert len(before) == count - result.deduplicated
    # And at most what was under way was done twice
    assert here.embedded <= sum(each.chunk_count for each in before.values()) + 200
    assert await disagreements(here.library, NAME) == []
    # And the last items took no more time and memory than the first ones
    seconds = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(marks)]
    assert seconds[-1] < 2 * seconds[0], marks
    assert marks[-1][2] - marks[0][2] < MEMORY, marks
    # Given every tenth file is another one by now
    changed = [number for number in range(0, count, 10) if wanted[number + 1] is not ItemOutcome.DEDUPLICATED]
    for number in changed:
        (folder / name_of(number)).write_text(text(count + number))
    embedded = here.embedded
    # When all are imported once more
    again = await (await here.imported(folder)).result(timeout=LONG)
    # Then those have a new revision, and nothing else is embedded
    assert counted(again) == (count, len(changed), count - len(changed) - result.failed, result.failed)
    after = {each.filename: each for each in await documents(here.library, NAME)}
    assert {name: each.id for name, each in after.items()} == {name: each.id for name, each in before.items()}
    assert {name for name in after if after[name].content_hash != before[name].content_hash} == set(
        map(name_of, changed)
    )
    assert {after[name_of(number)].revision for number in changed} == {2}
    assert here.embedded - embedded <= sum(after[name_of(number)].chunk_count for number in changed)
    assert await disagreements(here.library, NAME) == []
    worker.kill()


@needs_static
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_archives_lines_and_manifests_have_an_outcome_for_each_item(here: Ground, tmp_path: Path) -> None:
    # Given the same kind of text in an archive, in lines of JSON, and named by a manifest, each with something wrong,
    # and two lines about each document
    count = part(1000)
    with zipfile.ZipFile(tmp_path / "notes.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"{number:04}.txt", text(number))
        archive.writestr("9999.png", b"\x89PNG\r\n\x1a\n")
    lines = [json.dumps({"text": text(count + number), "source_id": f"line-{number // 2}"}) for number in range(count)]
    (tmp_path / "lines.jsonl").write_text("\n".join([*lines, "{"]))
    (tmp_path / "files").mkdir()
    names = [f"files/{number}.md" for number in range(count)]
    for number, name in enumerate(names):
        (tmp_path / name).write_text(text(2 * count + number))
    entries = [json.dumps({"path": name, "metadata": {"n": number}}) for number, name in enumerate([*names, "none.md"])]
    (tmp_path / "manifest.jsonl").write_text("\n".join(entries))
    sources = {ImportKind.ZIP: "notes.zip", ImportKind.JSONL: "lines.jsonl", ImportKind.MANIFEST: "manifest.jsonl"}
    # When they are imported side by side
    worker = here.worker(concurrency="3")
    handles = [await here.imported(tmp_path / name, kind) for kind, name in sources.items()]
    # Then all but what is wrong is there
    for handle in handles:
        result = await handle.result(timeout=200)
        assert (result.total, result.completed, result.failed) == (count + 1, count, 1)
        assert [each.outcome for each in await items(handle)] == [ItemOutcome.COMPLETED] * count + [ItemOutcome.FAILED]
    # And of two lines about a document the last counts
    of_lines = [each for each in await documents(here.library, NAME) if each.source_id]
    last = {f"line-{number // 2}": text(count + number).encode() for number in range(count)}
    assert {each.source_id: each.content_hash for each in of_lines} == {
        id: hashlib.sha256(data).hexdigest() for id, data in last.items()
    }
    assert await disagreements(here.library, NAME) == []
    assert worker.stop() == 0
