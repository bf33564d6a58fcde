"""The Python that strategies run with in the sandbox, and this package's own code beside it.

What runs inside is a copy in a folder named by its content, so that workers of different versions on one machine do
not take each other's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from abaca_sandbox import Runtime, SandboxUnavailable, load_runtime, setup_runtime
from abaca_strategies.failures import StrategyError

NAME = "strategies"
PACKAGES = ("matplotlib", "msgspec", "numpy", "pandas")
PACKAGE = Path(__file__).parents[1]
PARTS = ("data", "engine", "metrics", "running/inside")
FILES = (
    *("__init__.py", "arrays.py", "captured.py", "failures.py", "guards.py", "models.py", "packed.py", "results.py"),
    *("running/__init__.py", "running/work.py"),
)
FONTS = "share/abaca-matplotlib"
CODES = "strategies-code"
KEPT = 4
"""Copies of the code that stay; older ones are removed when a new one is made."""
LIST_FONTS = "import matplotlib.font_manager"


def requirements(more: Sequence[str] = ()) -> list[str]:
    """The packages that are inside, in the versions that are installed here, and ``more`` that the operator wants
    there, such as ``plotly``. Raises ``StrategyError``."""
    try:
        return [*(f"{name}=={version(name)}" for name in PACKAGES), *more]
    except PackageNotFoundError as error:
        raise StrategyError(f"the package {error.name} is missing; the extra abaca[strategies] brings it") from None


def name_of(more: Sequence[str]) -> str:
    """Each choice of packages has an environment of its own, so that two applications do not take turns building."""
    chosen = " ".join(sorted(more)).encode()
    return f"{NAME}-{hashlib.sha256(chosen).hexdigest()[:8]}" if more else NAME


def prepare_runtime(more: Sequence[str] = ()) -> tuple[Runtime, Path]:
    """Build what is missing: an environment, which takes a minute, and the copy of this package. Answers both.

    Raises ``SandboxUnavailable``, and ``StrategyError`` where this environment lacks a package.
    """
    runtime = setup_runtime(requirements(more), name=name_of(more))
    if not (runtime.folder / FONTS).is_dir():
        _list_fonts(runtime)
    return runtime, _code(runtime)


def is_prepared(more: Sequence[str] = ()) -> bool:
    """Whether ``prepare_runtime`` has nothing to build that takes long."""
    try:
        return sorted(load_runtime(name_of(more)).requirements) == sorted(set(requirements(more)))
    except (SandboxUnavailable, StrategyError):
        return False


def _list_fonts(runtime: Runtime) -> None:
    """matplotlib looks through all fonts of the machine once; slots have nowhere to keep what it found."""
    with tempfile.TemporaryDirectory(dir=runtime.folder.parent) as scratch:
        env = {"MPLCONFIGDIR": scratch, "HOME": scratch, "PATH": os.defpath}
        _run([str(runtime.folder / "bin" / "python"), "-I", "-c", LIST_FONTS], env)
        target = runtime.folder / FONTS
        target.mkdir(parents=True, exist_ok=True)
        for found in Path(scratch).glob("fontlist*.json"):
            shutil.copyfile(found, target / found.name)
            (target / found.name).chmod(0o644)


def _code(runtime: Runtime) -> Path:
    """The folder that holds this package for the sandbox; made if it is not there."""
    sources = _sources()
    total = hashlib.sha256(runtime.version.encode())
    for name, content in sources.items():
        total.update(f"{name}\n{len(content)}\n".encode() + content)
    codes = runtime.folder.parent / CODES
    folder = codes / total.hexdigest()[:20]
    if folder.is_dir():
        return folder
    codes.mkdir(mode=0o755, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=codes, prefix=".new-"))
    try:
        for name, content in sources.items():
            path = fresh / PACKAGE.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        _run([str(runtime.folder / "bin" / "python"), "-I", "-m", "compileall", "-q", str(fresh)], {})
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process made the same one meanwhile
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    _remove_old(codes, folder)
    return folder


def _sources() -> dict[str, bytes]:
    paths = [PACKAGE / name for name in FILES]
    for part in PARTS:
        paths += sorted((PACKAGE / part).glob("*.py"))
    return {str(path.relative_to(PACKAGE)): path.read_bytes() for path in paths}


def _remove_old(codes: Path, newest: Path) -> None:
    """What runs has its modules in memory, so a copy may go while a slot uses it."""
    others = [path for path in codes.iterdir() if path != newest and not path.name.startswith(".")]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)


def _run(command: list[str], env: dict[str, str]) -> None:
    try:
        subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as error:
        words = getattr(error, "stderr", "") or str(error)
        raise SandboxUnavailable(
            f"the Python for strategies could not be prepared: {words.strip()[-300:]}", "mend that and try again"
        ) from None
