"""Says which parts of the sandbox this machine has, and the command that brings what is missing."""

from __future__ import annotations

import os
import platform
import re
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from abaca_sandbox.errors import SandboxUnavailable
from abaca_sandbox.finding import closed_to_others, find_bwrap
from abaca_sandbox.slot.filter import MACHINES

OLDEST_KERNEL = (5, 14)  # counts processes per user namespace from here on
OLDEST_BWRAP = (0, 8)  # has --disable-userns
INSTALL = "apt-get install bubblewrap, or pip install 'abaca[sandbox]'"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that the sandbox needs."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    """The command that helps; empty where the part is here."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is here and what is missing."""

    parts: tuple[Part, ...]
    bwrap: Path | None

    @property
    def ok(self) -> bool:
        return all(part.ok for part in self.parts)

    @property
    def missing(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if not part.ok)


def check() -> Report:
    """Look at every part. It starts `bwrap --version` only: whether namespaces may be made shows in `Sandbox.open`."""
    bwrap = find_bwrap()
    return Report((system(), kernel(), processor(), bubblewrap(bwrap), namespaces(), user()), bwrap)


def require_parts() -> Path:
    """The bubblewrap to use. Raises `SandboxUnavailable` for the first part that is missing."""
    report = check()
    for part in report.missing:
        raise SandboxUnavailable(part.detail, part.remedy)
    assert report.bwrap is not None
    return report.bwrap


def require_kernel() -> None:
    """What is needed where bubblewrap is not. Raises `SandboxUnavailable` for the first part that is missing."""
    for part in (system(), kernel(), processor(), namespaces()):
        if not part.ok:
            raise SandboxUnavailable(part.detail, part.remedy)


def system() -> Part:
    name = platform.system()
    if name == "Linux":
        return Part("system", True, name)
    return Part("system", False, f"{name} has no namespaces", "run the worker on Linux")


def kernel() -> Part:
    release = platform.release()
    if version(release) >= OLDEST_KERNEL:
        return Part("kernel", True, release)
    return Part("kernel", False, f"the kernel is {release}", "upgrade it to 5.14 or newer")


def processor() -> Part:
    machine = platform.machine()
    if machine in MACHINES:
        return Part("processor", True, machine)
    known = " or ".join(sorted(MACHINES))
    return Part("processor", False, f"there is no seccomp filter for {machine}", f"run the worker on {known}")


def bubblewrap(found: Path | None) -> Part:
    name = "bubblewrap"
    if found is None:
        return Part(name, False, "bubblewrap is not installed", INSTALL)
    if found.stat().st_mode & stat.S_ISUID:
        return Part(name, False, f"{found} is setuid", f"chmod u-s {found}")
    if os.geteuid() == 0 and (closed := closed_to_others(found)):
        return Part(name, False, f"{found} cannot be used after root is given up: {closed} is closed", INSTALL)
    try:
        told = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return Part(name, False, f"{found} does not run: {error}", INSTALL)
    if version(told) < OLDEST_BWRAP:
        return Part(name, False, f"{found} is {told.strip()}, too old", "install version 0.8 or newer: " + INSTALL)
    return Part(name, True, f"{told.strip()} at {found}")


def namespaces() -> Part:
    for setting, wanted in (("kernel/unprivileged_userns_clone", "1"), ("user/max_user_namespaces", None)):
        path = Path("/proc/sys", setting)
        name = setting.replace("/", ".")
        if path.exists() and (value := path.read_text().strip()) == "0":
            remedy = f"sysctl -w {name}={wanted or 10000}"
            return Part("user namespaces", False, f"{name} is {value}, so no user may make a namespace", remedy)
    return Part("user namespaces", True, "allowed by the kernel's settings")


def user() -> Part:
    if os.geteuid() == 0:
        return Part("user", True, "root: each slot gets an unprivileged user of its own")
    return Part("user", True, f"uid {os.geteuid()}: all slots are this user, apart by namespaces")


def version(text: str) -> tuple[int, int]:
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)
