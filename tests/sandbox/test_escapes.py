"""Every known way out is tried, and the expected refusal is the test."""

from __future__ import annotations

import json
import os
import select
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from abaca_sandbox import End, Limits, Program
from tests.sandbox.baiting import Bait
from tests.sandbox.host import SECRET
from tests.sandbox.hosts import FORK_BOMB, SHORT, Host, python

ATTEMPTS = Path(__file__).parent / "attempts.py"
REFUSED = {"EPERM"}
HIDDEN = {"ENOENT"}
READ_ONLY = {"EROFS"}
NOT_YOURS = {"EACCES", "EPERM"}

EXPECTED = {
    "tcp to the machine": REFUSED, "tcp over ipv6": REFUSED, "abstract unix socket": {"ECONNREFUSED"},
    "unix socket by path": HIDDEN, "vsock": REFUSED, "netlink": REFUSED, "packet socket": REFUSED,
    "io_uring": {"ENOSYS"}, "bpf": REFUSED, "userfaultfd": REFUSED, "keyctl": REFUSED, "add_key": REFUSED,
    "perf_event_open": REFUSED, "memfd_create": {"ENOSYS"}, "system v memory": REFUSED, "personality": REFUSED,
    "a new user namespace": REFUSED, "a new user namespace by clone": REFUSED, "clone3": {"ENOSYS"},
    "setns": REFUSED, "mount": REFUSED, "remount /usr writable": REFUSED, "chroot": REFUSED, "device node": REFUSED,
    "write to /usr": READ_ONLY, "write to /": READ_ONLY, "write to /etc": READ_ONLY | NOT_YOURS,
    "write to /etc/passwd": READ_ONLY, "write to /dev": READ_ONLY, "write to /proc/sys": READ_ONLY | NOT_YOURS,
    "write to core_pattern": READ_ONLY | NOT_YOURS, "sysrq": READ_ONLY | NOT_YOURS | HIDDEN, "shadow": HIDDEN,
    "root's home": HIDDEN, "other people's homes": HIDDEN, "root of init": HIDDEN | NOT_YOURS,
    "environment of init": {"did: ''"} | NOT_YOURS, "kernel messages": HIDDEN, "kernel memory": NOT_YOURS | HIDDEN,
    "a terminal": HIDDEN, "a new terminal": HIDDEN, "a key into the terminal": {"ENOTTY"}, "ptrace": REFUSED,
    "read the memory of init": REFUSED, "higher priority": NOT_YOURS, "real time": REFUSED, "raise a limit": REFUSED,
    "set the clock": REFUSED, "become root": {"EPERM", "EINVAL"}, "host name": REFUSED, "reboot": REFUSED,
    "a module": REFUSED, "own unix socket pair": {"did: 2"},
}  # fmt: skip


def attempts_against(bait: Bait) -> str:
    told = json.dumps([str(bait.port), bait.abstract, str(bait.path)])
    return f"import sys\nsys.argv[1:] = {told}\n" + ATTEMPTS.read_text().replace(
        "from __future__ import annotations", ""
    )


@pytest.fixture(scope="session")
def found(shared_host: Host, bait: Bait) -> dict[str, Any]:
    told = json.dumps([str(bait.port), bait.abstract, str(bait.path)])
    code = f"import sys\nsys.argv[1:] = {told}\n" + ATTEMPTS.read_text().replace(
        "from __future__ import annotations", ""
    )
    outcome = shared_host.python(code)
    assert outcome.end is End.EXITED, outcome
    assert outcome.exit_code == 0, outcome.stderr.decode()
    answer: dict[str, Any] = json.loads(outcome.stdout)
    return answer


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_attempt(found: dict[str, Any], name: str) -> None:
    assert found["results"][name] in EXPECTED[name]


def test_every_attempt_has_its_expectation(found: dict[str, Any]) -> None:
    assert set(found["results"]) == set(EXPECTED)


def test_nobody_inside_reached_a_server_outside(found: dict[str, Any], bait: Bait) -> None:
    assert found
    assert bait.visits == 1  # the fixture's own


def test_accounts_are_made_up(found: dict[str, Any]) -> None:
    assert [line.split(":")[0] for line in found["seen"]["passwd"].split()] == ["root", "sandbox"]


def test_the_environment_is_clean(found: dict[str, Any]) -> None:
    assert set(found["seen"]["environment"]) <= {"PATH", "HOME", "LANG", "TMPDIR", "PWD", "LC_CTYPE"}


def test_no_descriptor_is_inherited(found: dict[str, Any]) -> None:
    others = {target for name, target in found["seen"]["descriptors"].items() if name not in {"0", "1", "2"}}
    assert others <= {"/work/attack.py"}  # which the interpreter reads


def test_only_its_own_processes_are_seen(found: dict[str, Any]) -> None:
    assert found["seen"]["processes"] == [1, 2]


def test_the_root_is_minimal(found: dict[str, Any]) -> None:
    usual = {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "tmp", "usr", "work"}
    assert set(found["seen"]["folders"]) <= usual
    assert set(found["seen"]["dev"]) == {
        *("fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"),
    }


def test_no_capability_is_left(found: dict[str, Any]) -> None:
    assert set(found["seen"]["capabilities"]) == {"0000000000000000"}


def test_ids_say_nothing_of_the_owner(found: dict[str, Any]) -> None:
    assert found["seen"]["ids"] == [1000, 1000, []]
    assert found["seen"]["hostname"] == "sandbox"


def test_a_signal_to_everybody_reaches_nobody_outside(host: Host) -> None:
    outcome = host.python("import os, signal\nos.kill(-1, signal.SIGKILL)")
    assert outcome.end in {End.SIGNALLED, End.EXITED}
    assert host.shell("exec kill -9 -1").end in {End.SIGNALLED, End.EXITED}


def test_setuid_programs_gain_nothing(host: Host) -> None:
    outcome = host.shell("for i in su mount sudo passwd; do command -v $i >/dev/null && $i </dev/null; done; id -u")
    assert outcome.stdout.splitlines()[-1] == b"1000"


def test_the_owners_memory_holds_the_secret_and_no_program_sees_it(host: Host) -> None:
    script = "cat /proc/*/environ; for fd in 3 4 5 6 7 8 9; do cat <&$fd; done"
    outcome = host.shell(script)
    assert SECRET not in outcome.stdout + outcome.stderr


PLANTED = {
    "a symbolic link to the machine": ("ln -s /etc/passwd out", "not a regular file"),
    "a symbolic link inside": ("echo x >real; ln -s real out", "not a regular file"),
    "a link in the way": ("ln -s /proc/self/root/etc d", "not a regular file"),
    "a pipe that nobody writes": ("mkfifo out", "not a regular file"),
    "a folder": ("mkdir out", "not a regular file"),
    "a socket": ("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"out\")'", "not a regular file"),
    "a device behind a link": ("ln -s /dev/zero out", "not a regular file"),
    "a huge file of holes": ("truncate -s 15M out", "too large"),
    "nothing": ("true", "absent"),
    "a name that is a folder's child of a file": ("echo x >d", "not a regular file"),
}


@pytest.mark.parametrize("trick", sorted(PLANTED))
def test_what_is_planted_for_the_collector_is_not_collected(host: Host, trick: str) -> None:
    script, reason = PLANTED[trick]
    name = "d/passwd" if " d" in script or ">d" in script else "out"
    outcome = host.run(program("/bin/sh", "-c", script, collect=(name,)), limits(collected=1 << 20))
    assert outcome.end is End.EXITED
    assert outcome.collected == {}
    assert outcome.not_collected == {name: reason}


def test_a_hard_link_to_a_file_of_the_machine_cannot_be_made(host: Host) -> None:
    outcome = host.shell("ln /etc/passwd out 2>/dev/null || ln /usr/bin/env out", collect=("out",))
    assert outcome.exit_code == 1
    assert outcome.not_collected == {"out": "absent"}


def test_strange_names_come_out_as_they_went_in(host: Host) -> None:
    names = ["new\nline", "caf\udce9", "a b/c'd", "-rf"]
    files = {name: name.encode("utf-8", "surrogateescape") for name in names}
    outcome = host.run(program("/bin/true", files=files, collect=tuple(names)))
    assert outcome.collected == files


def test_a_deep_tree_of_folders_is_cleared_at_once(host: Host) -> None:
    code = "import os\nwhile True:\n  try: os.mkdir('d'); os.chdir('d')\n  except OSError: break"
    outcome = host.python(code)
    assert outcome.end is End.EXITED
    assert End.FILE_LIMIT in outcome.touched
    assert host.shell("ls -A").stdout == b""


def test_a_daemon_does_not_outlive_the_program(host: Host, user: int) -> None:
    marker = f"86{os.getpid()}{user}"
    outcome = host.shell(f"(setsid sleep {marker} </dev/null >/dev/null 2>&1 &) ; exit 0")
    assert outcome.ok
    assert running(marker) == []


def test_nothing_of_one_program_is_left_for_the_next(host: Host) -> None:
    for folder in ("/work", "/tmp", "/dev/shm"):
        host.shell(f"echo secret >{folder}/left")
    for _ in range(3):
        assert host.shell("ls -A /work /tmp /dev/shm | grep left").stdout == b""


def test_killing_the_owner_kills_what_runs(user: int, open_folder: Path) -> None:
    owner = Host(user, open_folder)
    marker = f"87{os.getpid()}{user}"
    script = f"echo begun; (setsid sleep {marker} &) ; sleep {marker}"
    owner.start(program("/bin/sh", "-c", script), limits(wall=60))
    pids = wait_until_running(marker, 2)
    waits = [os.pidfd_open(pid) for pid in pids]
    owner.kill()
    for wait in waits:
        assert ended(wait)
        os.close(wait)


def test_slots_do_not_starve_each_other(host: Host) -> None:
    bombs = [host.start(python(FORK_BOMB), limits(wall=50, cpu=100)) for _ in range(2)]
    for _ in range(5):
        script = "for i in 1 2 3 4 5 6 7 8; do sleep 0.01 & done; wait; echo all"
        assert host.shell(script).stdout == b"all\n"
    assert not any(bomb.done() for bomb in bombs), "the bombs were over before the others ran"
    for bomb in bombs:
        host.cancel(bomb)


def program(*argv: str, **more: Any) -> Program:
    return Program(argv=argv, **more)


def limits(**changed: Any) -> Limits:
    return replace(SHORT, **changed)


def running(marker: str) -> list[int]:
    """The `sleep` processes of this machine for that time."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if command_line(path) == f"sleep\0{marker}\0"]


def command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""  # it ended meanwhile


def wait_until_running(marker: str, count: int) -> list[int]:
    for _ in range(3000):
        if len(found := running(marker)) >= count:
            return found
    raise AssertionError(f"{count} processes of {marker} never ran")


def ended(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], 30)[0])
