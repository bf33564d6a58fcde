"""A bucket of S3-compatible storage: one object for each blob, ``PREFIX SPACE/NAME``.

The client library blocks, so its calls run in threads. It takes credentials as it always does: from the environment, a
profile, or the machine's role.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from abaca.codec import NotHere
from abaca.errors import PlaceUnavailable
from abaca.places.base import BLOB_NAME, Blob, Page
from abaca.places.urls import Bucket, bucket_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_THREADS = 16
_CONNECT_TIMEOUT = 5
_READ_TIMEOUT = 20
_TRIES = 2
"""The library's own, each as long as the timeouts say; who calls tries again as well."""
_ABSENT = "NoSuchKey"
_BEYOND = "InvalidRange"

T = TypeVar("T")


class _Connected:
    """What one process has open; a forked child makes its own."""

    def __init__(self, bucket: Bucket) -> None:
        self.pid = os.getpid()
        self.threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="abaca-s3")
        session = boto3.session.Session()
        self.client: S3Client = session.client(
            "s3",
            endpoint_url=bucket.endpoint,
            region_name=bucket.region,
            config=Config(
                connect_timeout=_CONNECT_TIMEOUT,
                read_timeout=_READ_TIMEOUT,
                retries={"total_max_attempts": _TRIES, "mode": "standard"},
                max_pool_connections=_THREADS,
                # Checksums of its own are not understood everywhere; the reference has ours.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "auto" if bucket.endpoint is None else "path"},
            ),
        )


class BucketPlace:
    """Blobs as objects. An object that was put is as durable as the storage says."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self._connected: _Connected | None = None

    @property
    def shown(self) -> str:
        return f"s3://{self._bucket.name}/{self._bucket.prefix}".rstrip("/")

    async def put(self, space: str, name: str, data: bytes) -> None:
        key = self._key(space, name)
        await self._do(lambda client: client.put_object(Bucket=self._bucket.name, Key=key, Body=data))

    async def get(self, space: str, name: str, start: int, size: int) -> bytes:
        key = self._key(space, name)
        wanted = f"bytes={start}-{start + size - 1}"

        def read(client: S3Client) -> bytes:
            answer = client.get_object(Bucket=self._bucket.name, Key=key, Range=wanted)
            with answer["Body"] as body:
                return body.read(size)

        return await self._do(read)

    async def delete(self, space: str, name: str) -> None:
        key = self._key(space, name)
        await self._do(lambda client: client.delete_object(Bucket=self._bucket.name, Key=key))

    async def page(self, space: str, after: str, limit: int) -> Page:
        home = self._home(space)
        answer = await self._do(
            lambda client: client.list_objects_v2(
                Bucket=self._bucket.name, Prefix=home, StartAfter=home + after, MaxKeys=limit
            )
        )
        found = [(each.get("Key", ""), each.get("LastModified")) for each in answer.get("Contents", ())]
        named = [(key.removeprefix(home), at) for key, at in found if at is not None]
        blobs = [Blob(name, round(at.timestamp() * 1e6)) for name, at in named if BLOB_NAME.fullmatch(name)]
        return Page(blobs, _clock_of(answer), named[-1][0] if answer.get("IsTruncated") and named else None)

    async def close(self) -> None:
        """The threads end with what they do, and so do the connections."""
        with self._lock:
            connected, self._connected = self._connected, None
        if connected is not None and connected.pid == os.getpid():
            await asyncio.get_running_loop().run_in_executor(None, connected.threads.shutdown)
            connected.client.close()

    async def _do(self, act: Callable[[S3Client], T]) -> T:
        try:
            return await asyncio.wrap_future(self._submit(act))
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == _ABSENT:
                raise NotHere(f"it is not in {self.shown}") from error
            if code == _BEYOND:
                raise NotHere("it is shorter than its reference says") from error
            raise PlaceUnavailable(f"{self.shown}: {error}") from error
        except (BotoCoreError, OSError) as error:
            raise PlaceUnavailable(f"{self.shown}: {error}") from error

    def _submit(self, act: Callable[[S3Client], T]) -> Future[T]:
        with self._lock:
            if self._connected is None or self._connected.pid != os.getpid():
                self._connected = _Connected(self._bucket)
            return self._connected.threads.submit(act, self._connected.client)

    def _home(self, space: str) -> str:
        return f"{self._bucket.prefix}{space}/"

    def _key(self, space: str, name: str) -> str:
        if not BLOB_NAME.fullmatch(name) or not space.isalnum():
            raise ValueError(f"{name!r} in {space!r} is no name of a blob")
        return self._home(space) + name


def from_url(url: str) -> BucketPlace:
    return BucketPlace(bucket_of(url))


def _clock_of(answer: Any) -> int:
    """The storage's clock, by which the age of its objects counts; this machine's where it does not say."""
    said = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    return round((parsedate_to_datetime(said).timestamp() if said else time.time()) * 1e6)
