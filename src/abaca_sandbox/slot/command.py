"""The command line of bubblewrap for one run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from abaca_sandbox.slot.enclosure import ETC, INSIDE_ID, Enclosed

ISOLATION = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
    *("--cap-drop", "ALL", "--uid", str(INSIDE_ID), "--gid", str(INSIDE_ID), "--hostname", "sandbox", "--clearenv"),
)
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/work", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}

# What toolchains of a distribution read of /etc. Nothing here may hold a secret.
HOST_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "fonts", "mime.types")
HOST_ETC_BELOW = ("ssl/certs", "ssl/openssl.cnf")
HOST_ETC_PREFIXES = ("java-",)
USR_NAMES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
IMAGE_NAMES = (*USR_NAMES, "usr", "etc", "opt", "var", "nix")
DEVICES = ("null", "zero", "full", "random", "urandom")
DEV_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}


class UnreadableMount(Exception):
    """The slot's user cannot see what was to be mounted."""


def host_root() -> list[str]:
    """The `/usr` of this machine and what belongs to it."""
    args = ["--ro-bind", "/usr", "/usr", "--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", "/etc/ssl"]
    for name in USR_NAMES:
        args += linked_or_bound(f"/{name}", f"/{name}")
    names = [name for name in sorted(os.listdir("/etc")) if name.startswith(HOST_ETC_PREFIXES)]
    for name in (*HOST_ETC, *names, *HOST_ETC_BELOW):
        args += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return args


def image_root(image: str) -> list[str]:
    """A folder with a root file system in it. Its `/home`, `/root`, `/tmp` and the like are not shown."""
    if not os.path.isdir(f"{image}/usr"):
        raise UnreadableMount(f"{image} is no root file system that uid {os.getuid()} can read: it has no folder usr")
    args = []
    for name in IMAGE_NAMES:
        args += linked_or_bound(f"{image}/{name}", f"/{name}")
    return args


def linked_or_bound(host: str, inside: str) -> list[str]:
    if os.path.islink(host):
        return ["--symlink", os.readlink(host), inside]
    return ["--ro-bind", host, inside] if os.path.isdir(host) else []


def made_up_etc(own: Enclosed, image: str | None) -> list[str]:
    """Accounts and names that exist only inside. In an image they can only take the place of files that are there."""
    names = [name for name in ETC if image is None or os.path.isfile(f"{image}/etc/{name}")]
    return [part for name in names for part in ("--ro-bind", f"{own.etc}/{name}", f"/etc/{name}")]


def devices() -> list[str]:
    """A `/dev` without terminals, so that none can be used up, and with nothing that could be written into."""
    args = ["--tmpfs", "/dev"]
    for name in DEVICES:
        args += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for name, target in DEV_LINKS.items():
        args += ["--symlink", target, f"/dev/{name}"]
    return args


def mounts(wanted: Sequence[Sequence[str]]) -> list[str]:
    args = []
    for host, inside in wanted:
        if not os.access(host, os.R_OK):
            raise UnreadableMount(
                f"{host} cannot be shown inside: uid {os.getuid()} cannot read it, or it is not there"
            )
        args += ["--ro-bind", host, inside]
    return args


def arguments(
    own: Enclosed, root: Sequence[str], image: str | None, wanted: Sequence[Sequence[str]], env: Mapping[str, str]
) -> list[str]:
    """Everything but the file descriptors and the program itself."""
    args = [*ISOLATION, *root, *made_up_etc(own, image), "--proc", "/proc", *devices()]
    args += ["--bind", f"{own.run}/work", "/work", "--bind", f"{own.run}/tmp", "/tmp"]
    args += ["--bind", f"{own.run}/shm", "/dev/shm", "--remount-ro", "/dev", *mounts(wanted), "--remount-ro", "/"]
    for name, value in {**ENVIRONMENT, **env}.items():
        args += ["--setenv", name, value]
    return [*args, "--chdir", "/work"]
