"""Reads what was sent to be a data set: small text in this process, everything else in one of its own."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from abaca_strategies.data import DataSet, read, read_packed
from abaca_strategies.data.apart import ADJUST, REFUSED
from abaca_strategies.errors import DataRefused
from abaca_strategies.failures import DataError

HERE = 1 << 20
"""Bytes of text that are parsed in this process: there is no native parser of a format to break, and little to eat."""
SECONDS = 300.0
"""For one file."""
_PLAIN = ("csv", "jsonl")
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""Variables that the process gets; no secret of this one is among them."""


async def read_upload(source: Path | bytes, name: str, *, form: str, adjust: bool, most: int) -> DataSet:
    """The data set as it is, sound or not. Raises ``DataRefused`` for what cannot be read."""
    size = len(source) if isinstance(source, bytes) else (await asyncio.to_thread(source.stat)).st_size
    try:
        if form in _PLAIN and size <= HERE:
            return await asyncio.to_thread(read, source, name, form=form, adjust=adjust, check=False, most=most)
        with tempfile.TemporaryDirectory(prefix="abaca-data-") as folder:
            return await _read_apart(source, name, Path(folder), form=form, adjust=adjust, most=most)
    except DataError as error:
        raise DataRefused(str(error)) from error


async def _read_apart(source: Path | bytes, name: str, folder: Path, *, form: str, adjust: bool, most: int) -> DataSet:
    path = folder / "given" if isinstance(source, bytes) else source
    if isinstance(source, bytes):
        await asyncio.to_thread(path.write_bytes, source)
    into = folder / "packed"
    arguments = (str(path.absolute()), str(into), form, ADJUST if adjust else "as-is", str(most))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "abaca_strategies.data.apart",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env={key: os.environ[key] for key in _KEPT if key in os.environ} | {"OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    except TimeoutError:
        raise DataRefused(f"data set {name} took longer than {SECONDS:g} s to read") from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode == REFUSED:
        raise DataRefused(said.decode("utf-8", "replace").replace("data set 'data'", f"data set {name!r}"))
    if process.returncode:
        raise DataRefused(f"data set {name} cannot be read: its reader ended with {process.returncode}")
    data = await asyncio.to_thread(read_packed, into)  # the mapping outlives the file's name
    return replace(data, name=name, origin="")
