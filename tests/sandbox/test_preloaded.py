"""Scripts in forks of a preloaded Python: the same isolation and limits, made by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from abaca_sandbox import BadProgram, End, Program
from tests.sandbox.baiting import Bait
from tests.sandbox.host import SECRET
from tests.sandbox.hosts import FORK_BOMB, SHORT, Host, outcome_of
from tests.sandbox.test_escapes import EXPECTED, NOT_YOURS, attempts_against

OTHERWISE = {"environment of init": NOT_YOURS, "root of init": NOT_YOURS, "ptrace": {"EPERM"}}


@pytest.fixture
def forks(shared_host: Host) -> Any:
    """A preloaded Python that still serves when the test is over."""
    yield shared_host
    assert shared_host.script("print('still here')").stdout == b"still here\n"


def test_every_attempt_is_refused_as_in_bubblewrap(forks: Host, bait: Bait) -> None:
    visits = bait.visits
    outcome = forks.script(attempts_against(bait))
    assert outcome.ok, outcome.stderr.decode()
    found = json.loads(outcome.stdout)
    unexpected = {
        name: answer for name, answer in found["results"].items() if answer not in {**EXPECTED, **OTHERWISE}[name]
    }
    assert unexpected == {}
    assert bait.visits == visits
    seen = found["seen"]
    assert seen["processes"] == [1, 2]
    assert set(seen["capabilities"]) == {"0000000000000000"}
    assert set(seen["environment"]) <= {"PATH", "HOME", "LANG", "TMPDIR"}
    assert seen["ids"][:2] == [1000, 1000]
    assert set(seen["descriptors"]) - {"0", "1", "2"} == set()


def test_the_status_cannot_be_forged(forks: Host) -> None:
    code = """
import os
for fd in range(16):
    try: os.write(os.open(f"/proc/1/fd/{fd}", os.O_WRONLY), b'{"exit-status": 0}\\n')
    except OSError: pass
raise SystemExit(9)
"""
    assert forks.script(code).exit_code == 9


def test_statuses_and_signals_are_told_apart(forks: Host) -> None:
    assert forks.script("import os; os._exit(139)").exit_code == 139
    outcome = forks.script("import os; os.kill(os.getpid(), 11)")
    assert (outcome.end, outcome.signal) == (End.SIGNALLED, 11)


def test_an_error_shows_the_scripts_own_lines(forks: Host) -> None:
    outcome = forks.script("def f():\n    return 1 / 0\nf()")
    assert (outcome.end, outcome.exit_code) == (End.EXITED, 1)
    assert outcome.stderr.decode().count("File ") == outcome.stderr.decode().count("script.py") == 2


def test_input_files_arguments_and_collected_files(forks: Host) -> None:
    code = "import sys, data\nopen('out', 'w').write(sys.stdin.read() + sys.argv[1] + data.WORD)"
    files = {"main.py": code.encode(), "data.py": b"WORD = 'word'"}
    program = Program(argv=("main.py", "given,"), files=files, stdin=b"read,", collect=("out",))
    outcome = outcome_of(forks.start(program, preloaded=True).result(30))
    assert outcome.collected == {"out": b"read,given,word"}, outcome


def test_nothing_of_one_script_is_seen_by_the_next(forks: Host) -> None:
    assert forks.script("import json; json.dumps = None; open('/tmp/left', 'w')").ok
    code = "import json, os; print(json.dumps('left' in os.listdir('/tmp')))"
    assert forks.script(code).stdout == b"false\n"


def test_the_owners_secret_is_not_in_memory(forks: Host) -> None:
    half = SECRET[: len(SECRET) // 2].decode(), SECRET[len(SECRET) // 2 :].decode()
    code = f"""
import re
found = False
secret = bytes([*{half[0]!r}.encode(), *{half[1]!r}.encode()])
start = secret[:12]
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    spans = [line.split()[0].split("-") for line in maps if " rw-p " in line]
    for low, high in spans:
        try: memory.seek(int(low, 16)); held = memory.read(int(high, 16) - int(low, 16))
        except (OSError, ValueError, OverflowError): continue
        found = found or held.count(secret) > 8
print(found)
"""
    assert forks.script(code).stdout == b"False\n"


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("while True: pass", End.CPU_LIMIT),
        ("import time; time.sleep(100)", End.WALL_LIMIT),
        ("held = bytearray(b'x') * (1 << 30); import time; time.sleep(99)", End.MEMORY_LIMIT),
        ("while True: print('y' * 1000)", End.OUTPUT_LIMIT),
        ("import itertools\nfor i in itertools.count(): open(str(i), 'w').close()", End.FILE_LIMIT),
        (FORK_BOMB, End.CPU_LIMIT),
    ],
)
def test_limits(forks: Host, code: str, end: End) -> None:
    wall = 1.0 if end is End.WALL_LIMIT else 30.0
    assert forks.script(code, replace(SHORT, cpu=1, wall=wall)).end is end


def test_an_image_is_refused(forks: Host) -> None:
    with pytest.raises(BadProgram, match="image"):
        forks.script("pass", root="/usr")
