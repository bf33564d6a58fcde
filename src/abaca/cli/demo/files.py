"""Which files the demo looks at."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

from abaca.errors import ConfigError

_NOT_YOURS = {"site-packages", "dist-packages", "node_modules", "__pycache__"}


def default_folder() -> Path:
    """The standard library of the running interpreter."""
    return Path(sysconfig.get_path("stdlib"))


def python_files(folder: Path) -> list[str]:
    """Paths of the ``.py`` files below ``folder``, relative to it, in order.

    Hidden folders, installed packages and links to folders are left out. Raises ``ConfigError`` when nothing is left.
    """
    if not folder.is_dir():
        raise ConfigError(f"PATH: {str(folder)!r} is not a folder")
    found: list[str] = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NOT_YOURS and not name.startswith(".")]
        paths = [os.path.join(where, name) for name in names if name.endswith(".py") and name.isprintable()]
        found += [os.path.relpath(path, folder) for path in paths if os.path.isfile(path)]
    if not found:
        raise ConfigError(f"PATH: there are no .py files below {str(folder)!r}")
    return sorted(found)
