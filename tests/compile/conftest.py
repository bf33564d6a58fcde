"""The toolchains of this machine, found once, and a sandbox for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from abaca_compile.catalogue import Catalogue
from abaca_compile.engine import Engine
from abaca_compile.model import Language
from abaca_compile.toolchains import TOOLCHAINS, Discovery
from abaca_compile.warm import Warm
from abaca_sandbox import Sandbox, SandboxUnavailable


@pytest.fixture(scope="session")
def toolchains() -> Iterator[Path]:
    """A folder that every user can read, with the toolchains that lie in root's home: linked, so nothing is copied."""
    folder = Path(tempfile.mkdtemp(prefix="abaca-toolchains-"))
    folder.chmod(0o755)
    try:
        if (home := rust_home()) is not None and os.geteuid() == 0:
            (folder / "rustc").mkdir()
            parts = [f"{home}/bin", f"{home}/lib"]
            subprocess.run(["cp", "-al", *parts, folder / "rustc"], check=False, timeout=50, capture_output=True)
        yield folder
    finally:
        shutil.rmtree(folder)


def rust_home() -> str | None:
    """The folder of the Rust toolchain in use, where there is one."""
    if shutil.which("rustc") is None:
        return None
    said = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, timeout=50)
    return said.stdout.strip() or None


@pytest.fixture(scope="session")
def catalogue(toolchains: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Every compiler of this machine. What is found out is shared by the processes of one run."""
    memory = tmp_path_factory.getbasetemp().parent / "toolchains.json"
    places = (str(toolchains), *filter(None, [os.environ.get("ABACA_TEST_TOOLCHAINS")]), TOOLCHAINS)
    return asyncio.run(Discovery(toolchains=places, images=(), memory=memory).environments())


@pytest.fixture(scope="session")
def warm(catalogue: Catalogue) -> Warm:
    """The caches without which Go and Zig take minutes, where these compilers are here."""
    folder = Path(tempfile.gettempdir()) / f"abaca-test-warm-{os.geteuid()}"
    warm = Warm(folder)
    for language in (Language.GO, Language.ZIG):
        for environment in catalogue.of(language):
            asyncio.run(warm.prepare(environment, packages=("fmt", "os")))
    return warm


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    try:
        async with Sandbox(slots=2) as sandbox:
            yield sandbox
    except SandboxUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def engine(sandbox: Sandbox, catalogue: Catalogue, warm: Warm) -> Engine:
    return Engine(sandbox, catalogue, warm=warm)
