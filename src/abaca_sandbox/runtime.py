"""A Python for programs inside, with packages of its own: a virtual environment that every slot can read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from abaca_sandbox.errors import SandboxUnavailable
from abaca_sandbox.model import Mount
from abaca_sandbox.places import home, make_home, obstacle

INSIDE = "/opt/python"
STAMP = "abaca-runtime.json"
CANDIDATES = ("/usr/bin/python3", "/usr/local/bin/python3", "/usr/bin/python3.13", "/usr/bin/python3.12")
MANY_MINUTES = 1800.0
ASK = "import sys, json; print(json.dumps([sys.base_prefix, list(sys.version_info[:3])]))"
OLDEST = [3, 11, 0]


@dataclass(frozen=True, slots=True)
class Runtime:
    """A built environment. Give `mounts` to a `Program`, and start `python` in it."""

    folder: Path
    version: str
    requirements: tuple[str, ...]
    mounts: tuple[Mount, ...]
    python: str = f"{INSIDE}/bin/python"


def load(name: str = "python") -> Runtime:
    """The environment that `setup` built. Raises `SandboxUnavailable` where there is none that starts."""
    folder = home() / name
    remedy = "python -m abaca_sandbox setup" + ("" if name == "python" else f" --name {name}")
    try:
        stamp = json.loads((folder / STAMP).read_text())
        base, version = asked(folder / "bin" / "python")
    except FileNotFoundError:
        raise SandboxUnavailable(f"there is no Python for programs inside at {folder}", remedy) from None
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise SandboxUnavailable(f"the Python at {folder} does not start: {error}", remedy) from None
    mounts = [Mount(folder, INSIDE)]
    if not base.is_relative_to("/usr"):
        mounts.append(Mount(base, str(base)))
    return Runtime(folder, ".".join(map(str, version)), tuple(stamp["requirements"]), tuple(mounts))


def setup(requirements: Sequence[str] = (), *, name: str = "python", force: bool = False) -> Runtime:
    """Build the environment, unless one with the same requirements is there. Takes minutes where packages are large.

    Packages come from pip's usual index, as wheels only: nothing of theirs runs while they are installed. The new
    environment takes the place of the old one when it is complete. Raises `SandboxUnavailable`.
    """
    wanted = sorted(set(requirements))
    if not force and (there := loaded(name)) is not None and list(there.requirements) == wanted:
        return there
    base = base_python()
    parent = make_home()
    fresh = parent / f".{name}-{os.getpid()}"
    try:
        run([str(base), "-m", "venv", "--without-pip", str(fresh)], "making a virtual environment")
        if wanted:
            install(fresh, wanted)
        (fresh / STAMP).write_text(json.dumps({"requirements": wanted, "base": str(base)}))
        open_to_others(fresh)
        old = parent / f".{name}-old-{os.getpid()}"
        if (parent / name).exists():
            os.rename(parent / name, old)
        os.rename(fresh, parent / name)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return load(name)


def loaded(name: str) -> Runtime | None:
    try:
        return load(name)
    except SandboxUnavailable:
        return None


def base_python() -> Path:
    """An interpreter that the users of slots may read. Raises `SandboxUnavailable`."""
    reasons = []
    for candidate in (*CANDIDATES, os.path.realpath(sys.executable)):
        path = Path(candidate)
        if not path.exists():
            continue
        if found := obstacle(path):
            reasons.append(found.reason)
            continue
        _, version = asked(path)
        if version >= OLDEST:
            return path
    why = "; ".join(reasons) or "none is installed"
    raise SandboxUnavailable(
        f"no Python that the users of slots may read: {why}", "apt-get install python3 python3-venv"
    )


def asked(python: Path) -> tuple[Path, list[int]]:
    """Where an interpreter has its library, and its version."""
    told = subprocess.run([python, "-I", "-c", ASK], capture_output=True, text=True, timeout=60, check=True)
    prefix, version = json.loads(told.stdout)
    return Path(prefix), version


def install(environment: Path, requirements: Sequence[str]) -> None:
    python = str(environment / "bin" / "python")
    if find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip", "--python", python]
    else:
        run([python, "-m", "ensurepip"], "bringing pip into the environment (apt-get install python3-venv)")
        pip = [python, "-m", "pip"]
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--only-binary=:all:"]
    run([*pip, "install", *options, *requirements], "installing packages")


def run(command: list[str], doing: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, umask=0o022, timeout=MANY_MINUTES)
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout).strip().splitlines()[-3:]
        raise SandboxUnavailable(f"{doing} failed: {' '.join(words)}", "mend that and run setup again") from None
    except subprocess.TimeoutExpired:
        raise SandboxUnavailable(f"{doing} took more than {MANY_MINUTES:g} s", "run setup again") from None


def open_to_others(folder: Path) -> None:
    """Readable and enterable for everybody, whatever the mask and the modes it came with."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        wanted = mode | 0o444 | (0o111 if path.is_dir() or mode & 0o100 else 0)
        if mode != wanted:
            path.chmod(wanted)
