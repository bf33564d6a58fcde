"""Copies a toolchain that only its owner can read to where programs inside can."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from abaca_sandbox.errors import SandboxError
from abaca_sandbox.places import home, make_home
from abaca_sandbox.runtime import open_to_others

TOOLS = "tools"
NOT_NEEDED = shutil.ignore_patterns("doc", "man", "__pycache__")


class CannotAdopt(SandboxError):
    """What was named is no toolchain that can be copied."""


def adopt(path: Path, name: str | None = None) -> Path:
    """Copy the toolchain that `path` is, or belongs to, and answer where it is now.

    A folder is copied as it is; for a program in a folder `bin`, what `bin` is in; for one of rustup's, the toolchain
    that it stands for. An earlier copy of that name is replaced. Documentation is left out. Raises `CannotAdopt`.
    """
    source = toolchain_of(path)
    if source in {Path("/"), Path("/usr"), Path("/usr/local"), Path.home()}:
        raise CannotAdopt(f"{source} is no toolchain of its own; name the folder that holds only it")
    parent = make_home(TOOLS)
    target = parent / (name or source.name)
    fresh = parent / f".{target.name}-{os.getpid()}"
    try:
        shutil.copytree(source, fresh, symlinks=True, ignore=NOT_NEEDED)
        open_to_others(fresh)
        if target.exists():
            shutil.rmtree(target)
        os.rename(fresh, target)
    except shutil.Error as error:
        raise CannotAdopt(f"{source} could not be copied whole: {error.args[0][:3]}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def adopted() -> dict[str, Path]:
    """The toolchains that were copied, by name."""
    folder = home() / TOOLS
    if not folder.is_dir():
        return {}
    return {path.name: path for path in sorted(folder.iterdir()) if not path.name.startswith(".")}


def toolchain_of(path: Path) -> Path:
    if not path.exists():
        raise CannotAdopt(f"{path} is not there")
    if path.is_dir():
        return path.resolve()
    if path.resolve().name == "rustup":
        told = subprocess.run([path, "--print", "sysroot"], capture_output=True, text=True, timeout=60, check=False)
        if told.returncode:
            raise CannotAdopt(f"{path} is rustup's and names no toolchain: {told.stderr.strip()}")
        return Path(told.stdout.strip())
    folder = path.resolve().parent
    if folder.name != "bin":
        raise CannotAdopt(f"{path} is not in a folder bin; name the toolchain's folder")
    return folder.parent
