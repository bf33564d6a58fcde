"""The blob store: content by its digest, counted references, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from abaca_documents.blobs import FolderBlobs
from abaca_documents.errors import BlobDamaged, BlobNotFound, ValidationError
from tests.documents.making import digest


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


def files(blobs: FolderBlobs) -> list[str]:
    """All but the locks."""
    found = (path for path in blobs.root.rglob("*") if path.is_file() and path.parent.name != "locks")
    return sorted(path.name for path in found)


async def test_bytes_are_found_by_their_digest(blobs: FolderBlobs, tmp_path: Path) -> None:
    # Given the same bytes, once in memory and once in a file
    (tmp_path / "file").write_bytes(b"text")
    # When both are put
    first, second = await blobs.put(b"text"), await blobs.put(tmp_path / "file")
    # Then they are stored once, under their digest
    assert first == second == (digest("text"), 4)
    assert files(blobs) == [digest("text")]
    assert (await blobs.path(digest("text"))).read_bytes() == b"text"


async def test_they_stay_until_the_last_reference_goes(blobs: FolderBlobs) -> None:
    # Given bytes that two documents refer to, one of them twice
    key, _ = await blobs.put(b"text")
    for by in ("a", "b", "b"):
        await blobs.refer(key, by)
    assert await blobs.references(key) == ["a", "b"]
    # When both let go
    gone = [await blobs.release(key, "a"), await blobs.release(key, "a"), await blobs.release(key, "b")]
    # Then the bytes went with the last one, and nothing is left of them
    assert gone == [False, False, True]
    assert not await blobs.exists(key)
    assert files(blobs) == []
    assert not await blobs.release(key, "b")


async def test_what_is_not_stored_is_told(blobs: FolderBlobs) -> None:
    key = digest("none")
    with pytest.raises(BlobNotFound):
        await blobs.path(key)
    with pytest.raises(BlobNotFound):
        await blobs.refer(key, "a")
    assert not await blobs.exists(key)


async def test_damaged_bytes_are_not_handed_out(blobs: FolderBlobs) -> None:
    # Given bytes that changed on the disk
    key, _ = await blobs.put(b"text")
    stored = await blobs.path(key)
    stored.chmod(0o600)
    stored.write_bytes(b"tex!")
    # Then whoever wants them hears of it
    with pytest.raises(BlobDamaged, match="digest"):
        await blobs.path(key)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a/b", ".hidden", "x" * 300, "a\0b"])
async def test_no_name_leads_out_of_the_folder(blobs: FolderBlobs, name: str) -> None:
    key, _ = await blobs.put(b"text")
    with pytest.raises(ValidationError):
        await blobs.refer(key, name)
    with pytest.raises(ValidationError):
        await blobs.path(name)


async def test_what_nobody_refers_to_is_collected_after_its_grace_time(blobs: FolderBlobs) -> None:
    # Given old and new bytes without a reference, and old ones with one
    old, new, kept = [(await blobs.put(text))[0] for text in (b"old", b"new", b"kept")]
    await blobs.refer(kept, "a")
    age(blobs, old, kept)
    # When it is collected
    removed = await blobs.collect()
    # Then the old bytes that nobody wants are gone
    assert removed == 1
    assert [await blobs.exists(each) for each in (old, new, kept)] == [False, True, True]


async def test_references_of_documents_that_are_gone_are_collected(blobs: FolderBlobs) -> None:
    # Given bytes with old references of a document that is there and one that is not, and others of the second alone
    both, lone, fresh = [(await blobs.put(text))[0] for text in (b"both", b"lone", b"fresh")]
    for key, by in ((both, "there"), (both, "gone"), (lone, "gone")):
        await blobs.refer(key, by)
    age(blobs, both, lone)
    await blobs.refer(fresh, "gone")

    async def known(by: str) -> bool:
        return by == "there"

    # When it is collected
    await blobs.collect(known)
    # Then what a living document refers to stays, and so does what is young
    assert [await blobs.exists(each) for each in (both, lone, fresh)] == [True, False, True]
    assert await blobs.references(both) == ["there"]


async def test_a_put_brings_the_grace_time_back(blobs: FolderBlobs) -> None:
    key, _ = await blobs.put(b"text")
    age(blobs, key)
    await blobs.put(b"text")
    assert await blobs.collect() == 0
    assert await blobs.exists(key)


def age(blobs: FolderBlobs, *digests: str) -> None:
    then = time.time() - 7200
    for path in blobs.root.rglob("*"):
        if path.name in digests or path.parent.name in digests:
            os.utime(path, (then, then))


async def test_many_at_once_agree_on_the_count(blobs: FolderBlobs) -> None:
    # Given bytes, and threads that put, refer and release them at once
    async def turn(n: int) -> None:
        key, _ = await blobs.put(b"text", by=f"doc-{n}")
        assert (await blobs.path(key)).read_bytes() == b"text"
        await blobs.release(key, f"doc-{n}")

    with ThreadPoolExecutor(4) as threads:
        # When each does it many times
        def work(first: int) -> None:
            for n in range(first, first + 15):
                asyncio.run(turn(n))

        list(threads.map(work, range(0, 400, 100)))
    # Then nothing is left
    assert files(blobs) == []


WRITER = """
import asyncio, sys
from pathlib import Path
from abaca_documents.blobs import FolderBlobs
blobs = FolderBlobs(Path(sys.argv[1]))
async def main():
    print("ready", flush=True)
    n = 0
    while True:
        n += 1
        key, _ = await blobs.put(str(n).encode() * 50_000)
        await blobs.refer(key, f"doc-{n}")
        print(key, flush=True)
asyncio.run(main())
"""


def put_until_killed(root: Path) -> list[str]:
    """The digests that a process told of before it was killed in the middle of its work."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(12)]
    writer.send_signal(signal.SIGKILL)
    lines += writer.communicate(timeout=30)[0].splitlines()
    return [line.strip() for line in lines if len(line.strip()) == 64]


async def test_a_kill_leaves_no_half_blob(blobs: FolderBlobs) -> None:
    # When a process that puts without end is killed
    told = put_until_killed(blobs.root)
    # Then all that it told of is whole, and so is everything else that has a digest for a name
    for key in told:
        await blobs.path(key)
    async for key in blobs.digests():
        await blobs.path(key)
    # And what is left over goes when it is old
    age_all = time.time() - 7200
    for path in blobs.root.rglob("*"):
        if path.is_file():
            os.utime(path, (age_all, age_all))

    async def known(by: str) -> bool:
        return False

    await blobs.collect(known)
    assert files(blobs) == []
