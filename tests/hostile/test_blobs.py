"""Blobs and references that somebody damaged or forged: a clear error, bounded memory, and nothing outside is read."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import zstandard

from abaca import App, JobHandle, PlaceUnavailable, ResultLost
from abaca.codec import DamagedPayload, NotHere, is_reference, new_id, read_reference, reference_to, unpack
from abaca.codec.payload import MAX_UNPACKED
from abaca.codec.streaming import Bytes, Unpacking
from abaca.model import State
from abaca.policy.outcome import Returned
from tests.unit.face import claim, settle

VALUE = hashlib.shake_128(b"seed").hexdigest(50_000)
JSON = msgspec.json.encode(VALUE)
GOOD = reference_to(JSON, space="0" * 16, id=new_id(), epoch=1, token="1" * 16)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    async with App("memory://", results=(tmp_path / "results").as_uri(), results_above=1000) as app:
        app.task(give)
        yield app


def give() -> str:
    return VALUE


async def kept(app: App, tmp_path: Path) -> tuple[JobHandle[str], Path]:
    """A completed job and the file of its result."""
    job = await app.tasks["give"].enqueue()
    async with app.worker():
        assert await job.result(timeout=30) == VALUE
    (file,) = (path for path in (tmp_path / "results").rglob("*") if path.is_file())
    return job, file


async def refused(job: JobHandle[str], why: str) -> None:
    with pytest.raises(ResultLost, match=f"job {job.id} completed, but its result is lost: .*{why}"):
        await job.result(timeout=30)
    with pytest.raises(ResultLost):
        _ = [piece async for piece in job.stream_result(timeout=30)]


async def test_a_flipped_bit_is_noticed(app: App, tmp_path: Path) -> None:
    job, file = await kept(app, tmp_path)
    data = bytearray(file.read_bytes())
    data[1000] ^= 1
    file.write_bytes(data)
    await refused(job, "the checksum of its bytes is wrong")


@pytest.mark.parametrize("length", [0, 1, 3, 1000, -1])
async def test_a_truncated_blob_is_noticed(app: App, tmp_path: Path, length: int) -> None:
    job, file = await kept(app, tmp_path)
    file.write_bytes(file.read_bytes()[:length])
    await refused(job, "are there")


async def test_what_was_appended_is_not_read(app: App, tmp_path: Path) -> None:
    job, file = await kept(app, tmp_path)
    with file.open("ab") as end:
        end.write(b"more")
    assert await job.result(timeout=30) == VALUE


async def test_a_link_in_the_place_of_a_blob_is_not_followed(app: App, tmp_path: Path) -> None:
    # Given a blob that became a link to a file of the same bytes
    job, file = await kept(app, tmp_path)
    secret = tmp_path / "secret"
    secret.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(secret)
    # Then it is not read
    with pytest.raises(Exception, match="Too many levels of symbolic links"):
        await job.result(timeout=30)


async def settled(app: App, result: bytes) -> JobHandle[str]:
    job = await app.tasks["give"].enqueue()
    (run,) = await claim(app)
    await settle(app, run, Returned(result=result))
    return job


def forged(**fields: object) -> bytes:
    values = {name: getattr(GOOD, name) for name in GOOD.__struct_fields__} | fields
    return b"@" + msgspec.json.encode(list(values.values()))


@pytest.mark.parametrize(
    "fields",
    [
        {"space": "../../../../"},
        {"space": "0" * 15 + "/"},
        {"space": "0" * 16 + "\n"},
        {"id": "../../../../etc/passwd".ljust(32, "/")},
        {"id": "0" * 31},
        {"token": "/" * 16},
        {"token": "0" * 16 + "\n"},
        {"epoch": -1},
        {"epoch": "1/../.."},
        {"epoch": 2**40},
        {"size": 0},
        {"size": 2**60},
        {"length": 2**60},
        {"digest": "x"},
        {"more": 1},
    ],
)
async def test_a_forged_reference_is_refused_before_anything_is_opened(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object]
) -> None:
    job = await settled(app, forged(**fields))

    def opened(*_: object, **__: object) -> int:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(os, "open", opened)
    await refused(job, "its reference cannot be read")


@pytest.mark.parametrize("data", [b"@", b"@[]", b"@{}", b"@null", b"@\xff", b"@" * 1000, b"@" + b"[" * 100_000])
async def test_a_reference_that_is_none_is_refused(app: App, data: bytes) -> None:
    assert is_reference(data)
    with pytest.raises(NotHere, match="its reference cannot be read"):
        read_reference(data)
    await refused(await settled(app, data), "its reference cannot be read")


async def test_a_reference_to_a_space_that_is_not_there_is_no_loss(app: App) -> None:
    job = await settled(app, forged())
    with pytest.raises(PlaceUnavailable, match="the folder of this store is not there; is it mounted"):
        await job.result(timeout=30)


def test_a_payload_that_was_not_fetched_says_so() -> None:
    with pytest.raises(DamagedPayload, match="it is kept in another place and was not fetched"):
        unpack(GOOD.written())


def bomb(size: int) -> bytes:
    return zstandard.ZstdCompressor(level=19).compress(b"0" * size)


def test_a_frame_that_becomes_more_than_its_reference_says_is_refused() -> None:
    data = bomb(10_000_000)
    lying = msgspec.structs.replace(
        reference_to(data, space="0" * 16, id=new_id(), epoch=1, token="1" * 16), length=len(data)
    )
    with pytest.raises(NotHere, match="it is not what its reference says"):
        lying.checked(data)


def test_a_frame_that_says_it_becomes_too_much_has_no_reference() -> None:
    with pytest.raises(DamagedPayload, match="above the limit"):
        reference_to(bomb(MAX_UNPACKED + 1), space="0" * 16, id=new_id(), epoch=1, token="1" * 16)


def test_a_bomb_is_stopped_while_it_is_streamed() -> None:
    # Given a frame that does not say that it becomes 400 MB
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    data = b"".join(packer.compress(b"0" * (1 << 20)) for _ in range(400)) + packer.flush()
    unpacking = Unpacking(1000)
    # When it is read, then it ends soon and in little memory
    tracemalloc.start()
    try:
        with pytest.raises(DamagedPayload, match="it is longer than it says"):
            unpacking.feed(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_a_stream_that_ends_early_is_noticed() -> None:
    unpacking = Unpacking(1000)
    unpacking.feed(b"0" * 999)
    with pytest.raises(DamagedPayload, match="its last 1 bytes are missing"):
        unpacking.end()


@pytest.mark.parametrize("text", [b"null", b"[1]", b'"a', b'"a*c="', b'"YQ"', b"", b'"YQ==YQ=="'])
def test_a_text_that_is_no_bytes_is_refused_piece_by_piece(text: bytes) -> None:
    def read() -> None:
        decoding = Bytes()
        for start in range(len(text)):
            decoding.feed(text[start : start + 1])
        decoding.end()

    with pytest.raises(DamagedPayload, match="its value is not bytes"):
        read()


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 4096])
def test_bytes_are_streamed_in_pieces_of_any_length(piece: int) -> None:
    for size in (0, 1, 2, 3, 4, 5, 100, 3001):
        value = os.urandom(size)
        text = msgspec.json.encode(value)
        decoding = Bytes()
        found = b"".join(decoding.feed(text[at : at + piece]) for at in range(0, len(text), piece)) + decoding.end()
        assert found == value


async def test_a_job_with_a_forged_reference_as_arguments_fails_and_the_worker_goes_on(app: App) -> None:
    # Given a waiting job whose arguments somebody replaced
    call = app.tasks["give"].call()
    forged_job = msgspec.structs.replace(call.job, args=b"@[1]")
    backend = await app.backend()
    await backend.insert([forged_job])
    other = await app.tasks["give"].enqueue()
    # When a worker runs both
    async with app.worker():
        assert await other.result(timeout=30) == VALUE
        outcome = await app.job(forged_job.id).outcome(timeout=30)
    # Then one failed for what it is
    assert outcome.status.value == State.FAILED.name.lower()
    assert outcome.error is not None
    assert outcome.error.type == "abaca.errors.ArgumentsLost"
