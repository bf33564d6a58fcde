"""Environments of the peers: one virtual environment each, pinned in constraints-peers.txt, and node's for BullMQ."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.registry import Contender

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".peers"
PINS = HERE / "constraints-peers.txt"
VERSIONS = "import sys, importlib.metadata as m; print(*(m.version(name) for name in sys.argv[1:]), sep='\\n')"


class Unavailable(Exception):
    """A peer cannot be installed here; the message says why."""


def sections() -> dict[str, list[str]]:
    """The pins of each peer: a line ``# [name]`` opens its section. Peers need different versions of one package."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in PINS.read_text().splitlines():
        if line.startswith("# [") and line.endswith("]"):
            current = found.setdefault(line[3:-1], [])
        elif line.strip() and not line.startswith("#"):
            current.append(line.strip())
    return found


def install(contender: Contender) -> None:
    """Makes the peer's environment unless it is there with the same pins. Raises Unavailable."""
    if contender.home == "own":
        return
    name = contender.venv or contender.home
    try:
        _install(name, _install_node if contender.home == "node" else _install_python)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"{name} could not be installed: {error}") from error


def install_python(name: str) -> None:
    """Makes the Python environment of a section unless it is there with the same pins."""
    _install(name, _install_python)


def _install(name: str, fill: Callable[[Path, list[str]], None]) -> None:
    pins, folder = sections()[name], FOLDER / name
    stamp = folder / "pins.txt"
    if stamp.exists() and stamp.read_text().splitlines() == pins:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"installing {name} ...", file=sys.stderr, flush=True)
    fill(folder, pins)
    stamp.write_text("\n".join(pins) + "\n")


def _install_python(folder: Path, pins: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([_python(folder.name), "-m", "pip", "install", "-qq", "--no-deps", *pins], check=True)


def _install_node(folder: Path, pins: list[str]) -> None:
    if shutil.which("npm") is None:
        raise Unavailable("npm is not installed, so BullMQ is left out")
    (folder / "package.json").write_text('{"private": true}\n')
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", *pins], cwd=folder, check=True)


def _python(venv: str) -> str:
    return str(FOLDER / venv / "bin" / "python")


def command(contender: Contender) -> list[str]:
    """How the contender's script is started."""
    if contender.home == "node":
        return ["node", str(HERE / "contenders" / contender.module)]
    python = _python(contender.venv) if contender.home == "peer" else sys.executable
    return [python, "-m", f"benchmarks.contenders.{contender.module}"]


def environment(contender: Contender) -> dict[str, str]:
    return {"NODE_PATH": str(FOLDER / "node" / "node_modules")} if contender.home == "node" else {}


def versions(contender: Contender) -> dict[str, str]:
    """The versions of the packages that matter for this contender, by name."""
    names = contender.packages
    if not names:
        return {}
    if contender.home == "node":
        modules = FOLDER / "node" / "node_modules"
        found = {name: json.loads((modules / name / "package.json").read_text())["version"] for name in names}
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        return {**found, "node": node.removeprefix("v")}
    asked = [command(contender)[0], "-c", VERSIONS, *names]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Unavailable(f"{contender.name} lacks a package: {answer.stderr.strip().splitlines()[-1]}")
    return dict(zip(names, answer.stdout.split(), strict=True))
