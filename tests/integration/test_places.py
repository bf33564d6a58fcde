"""What a place for large payloads promises, held by a folder and by a bucket on a real S3 server."""

from __future__ import annotations

import asyncio
import os
import stat
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from abaca.codec import NotHere, new_id
from abaca.errors import ConfigError, PlaceUnavailable
from abaca.places import Place, open_place
from abaca.places import place_url as read_place_url
from tests.buckets import S3Server

SPACE = "0123456789abcdef"
DATA = bytes(range(256)) * 1000


def name(id: str | None = None, epoch: int = 1, token: str = "0" * 16) -> str:
    return f"{id or new_id()}-{epoch}-{token}"


@pytest.fixture
async def place(place_url: str) -> AsyncIterator[Place]:
    place = open_place(place_url)
    yield place
    await place.close()


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


async def test_what_was_put_is_there_as_a_whole_and_in_parts(place: Place) -> None:
    blob = name()
    await place.put(SPACE, blob, DATA)
    assert await place.get(SPACE, blob, 0, len(DATA)) == DATA
    assert await place.get(SPACE, blob, 1000, 500) == DATA[1000:1500]
    assert await place.get(SPACE, blob, len(DATA) - 10, 500) == DATA[-10:]


async def test_the_same_put_again_changes_nothing(place: Place) -> None:
    blob = name()
    await place.put(SPACE, blob, DATA)
    await place.put(SPACE, blob, DATA)
    assert await place.get(SPACE, blob, 0, len(DATA)) == DATA
    assert [found.name for found in (await place.page(SPACE, "", 10)).blobs] == [blob]


async def test_what_is_not_there_is_told_apart_from_a_place_that_is_away(place: Place) -> None:
    await place.put(SPACE, name(), DATA)
    with pytest.raises(NotHere, match="it is not in "):
        await place.get(SPACE, name(), 0, 1)


async def test_deleting_twice_is_no_error(place: Place) -> None:
    blob = name()
    await place.put(SPACE, blob, DATA)
    await place.delete(SPACE, blob)
    await place.delete(SPACE, blob)
    with pytest.raises((NotHere, PlaceUnavailable)):
        await place.get(SPACE, blob, 0, 1)


async def test_pages_have_every_blob_once_in_the_order_of_names(place: Place) -> None:
    # Given blobs of jobs made at very different times, several of one job, and those of another store
    ids = ["0193abcde" + "0" * 23, "0193abcdf" + "0" * 23, "01a3abcde" + "0" * 23, *(new_id() for _ in range(5))]
    names = [name(id, epoch) for id in ids for epoch in (0, 1)]
    for blob in names:
        await place.put(SPACE, blob, b"x")
    await place.put("f" * 16, name(), b"x")
    # When the space is read page by page
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await place.page(SPACE, after, 3)
        assert len(page.blobs) <= 3
        found += [blob.name for blob in page.blobs]
        after = page.after
    # Then each comes once
    assert found == sorted(names)


async def test_ages_count_by_the_places_own_clock(place: Place) -> None:
    await place.put(SPACE, name(), DATA)
    page = await place.page(SPACE, "", 10)
    assert 0 <= page.now - page.blobs[0].at < 60_000_000


async def test_a_space_in_which_nothing_was_put_is_empty(place: Place) -> None:
    assert (await place.page(SPACE, "", 10)).blobs == []


async def test_a_closed_place_opens_itself_again(place: Place) -> None:
    blob = name()
    await place.put(SPACE, blob, DATA)
    await place.close()
    assert await place.get(SPACE, blob, 0, len(DATA)) == DATA


GOOD = "01a22374cc5075c6a0581b67475e7200-1-0000000000000000"


@pytest.mark.parametrize("wrong", ["../../etc/passwd", "x", "", "a/b", GOOD + "\n", GOOD + "/..", "." * 60])
async def test_a_name_that_no_blob_has_is_refused(place: Place, wrong: str) -> None:
    with pytest.raises(ValueError, match="is no name of a blob"):
        await place.put(SPACE, wrong, DATA)
    with pytest.raises(ValueError, match="is no name of a blob"):
        await place.get(SPACE, wrong, 0, 1)
    with pytest.raises(ValueError, match="is no name of a blob"):
        await place.delete("../..", name())


async def test_many_puts_at_once_are_all_there(place: Place) -> None:
    names = [name() for _ in range(40)]
    await asyncio.gather(*(place.put(SPACE, blob, blob.encode()) for blob in names))
    assert [await place.get(SPACE, blob, 0, 100) for blob in names] == [blob.encode() for blob in names]


async def test_files_are_the_users_alone(folder: Path) -> None:
    place = open_place(folder.as_uri())
    await place.put(SPACE, name(), DATA)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")] if path.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o600}


async def test_a_blob_is_whole_or_not_there_and_on_disk_before_it_has_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given every call that matters, noted
    done: list[str] = []
    sync, rename = os.fsync, os.rename

    def noted_sync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def noted_rename(source: Path, target: Path) -> None:
        done.append("rename")
        rename(source, target)

    place = open_place(folder.as_uri())
    await place.put(SPACE, name("0" * 32), DATA)
    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "rename", noted_rename)
    # When a blob is put
    await place.put(SPACE, name("0" * 32, 2), DATA)
    # Then its bytes are on disk, then it has its name, then the name is on disk
    assert done == ["file", "rename", "folder"]


async def test_a_put_that_fails_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a disk that is full
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    place = open_place(folder.as_uri())
    folder.mkdir()
    # When a blob is put, it is refused with the reason
    with pytest.raises(PlaceUnavailable, match="No space left on device"):
        await place.put(SPACE, name(), DATA)
    # Then no file is left
    assert [path for path in folder.rglob("*") if path.is_file()] == []


async def test_folders_go_when_they_are_empty_and_come_again(folder: Path) -> None:
    place = open_place(folder.as_uri())
    blob = name()
    await place.put(SPACE, blob, DATA)
    await place.delete(SPACE, blob)
    assert [path.name for path in folder.rglob("*")] == [SPACE]
    await place.put(SPACE, blob, DATA)
    assert await place.get(SPACE, blob, 0, 3) == DATA[:3]


async def test_a_folder_that_is_not_mounted_is_away_and_its_blobs_not_lost(folder: Path) -> None:
    with pytest.raises(PlaceUnavailable):
        await open_place(folder.as_uri()).get(SPACE, name(), 0, 1)


async def test_what_else_lies_in_the_folder_is_left_out(folder: Path) -> None:
    # Given a blob, one that is half written, and strange things beside them
    place = open_place(folder.as_uri())
    blob = name()
    await place.put(SPACE, blob, DATA)
    inner = folder / SPACE / blob[:5] / blob[5:8]
    (inner / "notes.txt").write_text("mine")
    (inner / f"{blob}.01234567.tmp").write_bytes(b"half")
    (inner / name("f" * 32)).write_bytes(b"in a wrong folder")
    (inner / name(blob[:8] + "f" * 24)).symlink_to("/etc/passwd")
    (folder / SPACE / "elsewhere").symlink_to("/etc")
    # When the space is read
    found = [found.name for found in (await place.page(SPACE, "", 10)).blobs]
    # Then only blobs are told, the half one with its mark
    assert found == [blob, f"{blob}.01234567.tmp"]
    with pytest.raises(PlaceUnavailable):
        await place.get(SPACE, name(blob[:8] + "f" * 24), 0, 10)


async def test_a_server_that_is_gone_is_unavailable(s3_server: S3Server) -> None:
    place = open_place("s3://nobucket/p?endpoint=http://127.0.0.1:1&region=us-east-1")
    with pytest.raises(PlaceUnavailable, match="s3://nobucket/p: Could not connect"):
        await place.put(SPACE, name(), DATA)
    await place.close()


async def test_a_server_that_does_not_answer_is_given_up_after_the_timeout(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a server that stands still
    monkeypatch.setattr("abaca.places.s3._READ_TIMEOUT", 1)
    monkeypatch.setattr("abaca.places.s3._TRIES", 1)
    place, blob = open_place(s3_server.url()), name()
    s3_server.freeze()
    try:
        # When something is put, then the call ends
        with pytest.raises(PlaceUnavailable, match="timeout"):
            await place.put(SPACE, blob, DATA)
    finally:
        s3_server.thaw()
    # When it goes on, then so does the place
    await place.close()
    monkeypatch.setattr("abaca.places.s3._READ_TIMEOUT", 30)
    await place.put(SPACE, blob, DATA)
    assert await place.get(SPACE, blob, 0, len(DATA)) == DATA
    await place.close()


async def test_a_bucket_that_is_not_there_is_unavailable_and_its_blobs_not_lost(s3_server: S3Server) -> None:
    place = open_place(f"s3://nobucket/p?endpoint={s3_server.endpoint}&region=us-east-1")
    with pytest.raises(PlaceUnavailable, match="NoSuchBucket"):
        await place.get(SPACE, name(), 0, 1)
    await place.close()


async def test_a_forked_child_uses_the_place_on_its_own(place: Place) -> None:
    # Given a place that is in use
    blob = name()
    await place.put(SPACE, blob, DATA)
    # When a child is forked and reads
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it forks with threads is the point
        pid = os.fork()
    if pid == 0:  # pragma: no cover - the child
        asyncio.set_event_loop(None)
        status = 1
        try:
            status = 0 if _read_alone(place, blob) == DATA else 2
        finally:
            os._exit(status)
    # Then it reads, and so does the parent
    _, status = await asyncio.to_thread(os.waitpid, pid, 0)
    assert status == 0
    assert await place.get(SPACE, blob, 0, len(DATA)) == DATA


def _read_alone(place: Place, blob: str) -> bytes:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:  # a thread of its own has no running loop
        return pool.submit(lambda: asyncio.run(place.get(SPACE, blob, 0, len(DATA)))).result(timeout=30)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("file://relative/x", "names no folder"),
        ("file:///", "names no folder"),
        ("file:x", "names no folder"),
        ("file:///x?y=1", "names no folder"),
        ("s3://", "names no bucket"),
        ("s3://Bad_Bucket/x", "names no bucket"),
        ("s3://bucket/../x", "names no bucket"),
        ("s3://key:secret@bucket/x", "takes no credentials"),
        ("s3://bucket/x?colour=red", "has no option"),
        ("s3://bucket/x?endpoint=nowhere", "the endpoint"),
        ("https://example.org", "is not a place for results"),
        ("", "is not a place for results"),
        (7, "is not a place for results"),
    ],
)
def test_a_url_that_names_no_place_is_refused(url: object, fault: str) -> None:
    with pytest.raises(ConfigError, match=f"^App\\(results=\\): .*{fault}") as caught:
        read_place_url(url, "App(results=)")
    assert "secret" not in str(caught.value)
