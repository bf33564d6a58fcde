"""The command line of bubblewrap for one run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from abaca_sandbox.slot.furnishing import INSIDE_ID, MADE_UP, Own

ISOLATION = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
    *("--cap-drop", "ALL", "--uid", str(INSIDE_ID), "--gid", str(INSIDE_ID), "--hostname", "sandbox", "--clearenv"),
)
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/work", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}

USR_NAMES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
IMAGE_NAMES = (*USR_NAMES, "usr", "etc", "opt", "var", "nix")


class UnreadableMount(Exception):
    """The slot's user cannot see what was to be mounted."""


def host_root(own: Own) -> list[str]:
    """The `/usr` of this machine and what belongs to it, with the slot's own `/etc`."""
    args = ["--ro-bind", "/usr", "/usr", "--ro-bind", own.etc, "/etc"]
    for name in USR_NAMES:
        args += linked_or_bound(f"/{name}", f"/{name}")
    return args


def image_root(own: Own, image: str) -> list[str]:
    """A folder with a root file system in it. Its `/home`, `/root`, `/tmp` and the like are not shown."""
    if not os.path.isdir(f"{image}/usr"):
        raise UnreadableMount(f"{image} is no root file system that uid {os.getuid()} can read: it has no folder usr")
    args = []
    for name in IMAGE_NAMES:
        args += linked_or_bound(f"{image}/{name}", f"/{name}")
    for name in MADE_UP:  # accounts that exist only inside can only take the place of files that are there
        if os.path.isfile(f"{image}/etc/{name}"):
            args += ["--ro-bind", f"{own.etc}/{name}", f"/etc/{name}"]
    return args


def linked_or_bound(host: str, inside: str) -> list[str]:
    if os.path.islink(host):
        return ["--symlink", os.readlink(host), inside]
    return ["--ro-bind", host, inside] if os.path.isdir(host) else []


def require_readable(host: str) -> None:
    if not os.access(host, os.R_OK):
        raise UnreadableMount(f"{host} cannot be shown inside: uid {os.getuid()} cannot read it, or it is not there")


def mounts(wanted: Sequence[Sequence[str]]) -> list[str]:
    args = []
    for host, inside in wanted:
        if not os.access(host, os.R_OK):
            raise UnreadableMount(
                f"{host} cannot be shown inside: uid {os.getuid()} cannot read it, or it is not there"
            )
        args += ["--ro-bind", host, inside]
    return args


def arguments(own: Own, root: Sequence[str], wanted: Sequence[Sequence[str]], env: Mapping[str, str]) -> list[str]:
    """Everything but the file descriptors and the program itself."""
    args = [*ISOLATION, *root, "--proc", "/proc", "--dev-bind", own.dev, "/dev"]
    args += ["--bind", f"{own.run}/work", "/work", "--bind", f"{own.run}/tmp", "/tmp"]
    args += ["--bind", f"{own.run}/shm", "/dev/shm", *mounts(wanted), "--remount-ro", "/"]
    for name, value in {**ENVIRONMENT, **env}.items():
        args += ["--setenv", name, value]
    return [*args, "--chdir", "/work"]
