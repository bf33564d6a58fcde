"""The seccomp filter, written as BPF: what no program needs and what has led out of sandboxes is refused.

Namespaces already hide files, processes and networks. The filter takes away the ways to make new namespaces, the parts
of the kernel that have had the most mistakes (io_uring, bpf, userfaultfd, keyctl, netlink and other socket families),
and memory that no count of ours would see (memfd, System V).
"""

from __future__ import annotations

import errno
import platform
import struct
from typing import NamedTuple

ALLOW = 0x7FFF0000
KILL = 0x80000000
ERRNO = 0x00050000

LOAD, JEQ, JGE, JSET, RET = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCH, ARG0 = 0, 4, 16  # offsets in struct seccomp_data; ARG0 is the low half on little-endian machines

AF_UNIX = 1
NEW_NAMESPACES = 0x7E020000  # NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
X32_BIT = 0x40000000
AUDIT_X86_64 = 0xC000003E
AUDIT_AARCH64 = 0xC00000B7

# Numbers from 424 on are the same everywhere.
COMMON_REFUSED = {
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "memfd_secret": 447,
    "open_tree_attr": 467,
}  # fmt: skip
COMMON_ABSENT = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "clone3": 435}

X86_64_REFUSED = {
    "shmget": 29, "shmat": 30, "msgget": 68, "semget": 64, "ptrace": 101, "syslog": 103, "uselib": 134,
    "personality": 135, "pivot_root": 155, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165,
    "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171,
    "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179, "lookup_dcookie": 212,
    "clock_settime": 227, "vhangup": 153, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
    "mbind": 237, "set_mempolicy": 238, "get_mempolicy": 239, "migrate_pages": 256, "move_pages": 279,
    "unshare": 272, "perf_event_open": 298, "fanotify_init": 300, "name_to_handle_at": 303,
    "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310,
    "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321,
    "userfaultfd": 323, "adjtimex": 159, "mq_open": 240, "modify_ldt": 154,
}  # fmt: skip

AARCH64_REFUSED = {
    "quotactl": 60, "lookup_dcookie": 18, "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "vhangup": 58,
    "acct": 89, "personality": 92, "unshare": 97, "kexec_load": 104, "init_module": 105, "delete_module": 106,
    "clock_settime": 112, "syslog": 116, "ptrace": 117, "reboot": 142, "sethostname": 161, "setdomainname": 162,
    "settimeofday": 170, "adjtimex": 171, "mq_open": 180, "msgget": 186, "semget": 190, "shmget": 194, "shmat": 196,
    "add_key": 217, "request_key": 218, "keyctl": 219, "swapon": 224, "swapoff": 225, "mbind": 235,
    "get_mempolicy": 236, "set_mempolicy": 237, "migrate_pages": 238, "move_pages": 239, "perf_event_open": 241,
    "fanotify_init": 262, "name_to_handle_at": 264, "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268,
    "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "bpf": 280,
    "userfaultfd": 282, "kexec_file_load": 294,
}  # fmt: skip


class Machine(NamedTuple):
    """One processor's numbers of the calls that the filter looks at."""

    audit: int
    refused: dict[str, int]
    memfd_create: int
    clone: int
    socket: int
    socketpair: int


MACHINES = {
    "x86_64": Machine(AUDIT_X86_64, X86_64_REFUSED, 319, 56, 41, 53),
    "aarch64": Machine(AUDIT_AARCH64, AARCH64_REFUSED, 279, 220, 198, 199),
}


class UnknownMachine(Exception):
    """There is no table of system calls for this processor."""


def instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def refuse(number: int) -> list[bytes]:
    return [instruction(JEQ, number, 0, 1), instruction(RET, ERRNO | errno.EPERM)]


def absent(number: int) -> list[bytes]:
    """Answer as a kernel that never had this call, so that libraries take the older way."""
    return [instruction(JEQ, number, 0, 1), instruction(RET, ERRNO | errno.ENOSYS)]


def only_unix(number: int) -> list[bytes]:
    """Compilers and run-times talk to their own children over Unix sockets; other families lead elsewhere."""
    return [
        instruction(JEQ, number, 0, 4),
        instruction(LOAD, ARG0),
        instruction(JEQ, AF_UNIX, 0, 1),
        instruction(RET, ALLOW),
        instruction(RET, ERRNO | errno.EPERM),
    ]


def no_namespaces(number: int) -> list[bytes]:
    return [
        instruction(JEQ, number, 0, 4),
        instruction(LOAD, ARG0),
        instruction(JSET, NEW_NAMESPACES, 0, 1),
        instruction(RET, ERRNO | errno.EPERM),
        instruction(RET, ALLOW),
    ]


def program(machine: str | None = None) -> bytes:
    """The filter as an array of struct sock_filter, as bubblewrap reads it. Raises `UnknownMachine`."""
    name = machine or platform.machine()
    if name not in MACHINES:
        raise UnknownMachine(f"no table of system calls for {name}; known are {', '.join(sorted(MACHINES))}")
    calls = MACHINES[name]
    lines = [
        instruction(LOAD, ARCH),
        instruction(JEQ, calls.audit, 1, 0),
        instruction(RET, KILL),
        instruction(LOAD, NUMBER),
    ]
    if name == "x86_64":  # a second set of numbers for the same calls
        lines += [instruction(JGE, X32_BIT, 0, 1), instruction(RET, KILL)]
    for number in (*COMMON_REFUSED.values(), *calls.refused.values()):
        lines += refuse(number)
    for number in (*COMMON_ABSENT.values(), calls.memfd_create):
        lines += absent(number)
    lines += no_namespaces(calls.clone)
    lines += only_unix(calls.socket)
    lines += only_unix(calls.socketpair)
    return b"".join([*lines, instruction(RET, ALLOW)])
